"""What is put on a blank sheet, before it is known in which ink and how it is copied."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal

from imagefaulty.training.faults.drawn import Field

Colour = tuple[float, float, float]


@dataclass(frozen=True, slots=True)
class Inks:
    """The inks of a page whose kind has its own.

    Attributes:
        type: Colour of the type.
        pen: Colour of the hand.
        name: What the pen is, for people; ``"pencil"`` keeps its greys.
        opacity: How much of the paper the pen covers, 0..1.
        copies: How often such a page is a copy in black and white.
    """

    type: Colour
    pen: Colour
    name: str
    opacity: float
    copies: float

    def on_bilevel(self) -> Inks:
        """Return the inks as black and white show them: all of them black, or the paler would be lost."""
        return replace(self, type=(20.0, 20.0, 20.0), pen=(10.0, 10.0, 10.0), name="black", opacity=1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Layers:
    """What is put on a sheet, each float32 of the sheet's size in px, 0..1.

    Attributes:
        rules: Lines and frames, which are neither hand nor print, or what shows through of the other side.
        print: Type.
        hand: Handwriting.
        detail: For people.
        red: What a book hand writes in red or blue, or a press prints in red.
        red_of: Whose the red is.
        inks: Where the kind has inks of its own.
        backs: What shows through of the other side, printed in colours: each with its own.
    """

    rules: Field
    print: Field
    hand: Field
    detail: str
    red: Field | None = None
    red_of: Literal["hand", "print"] = "hand"
    inks: Inks | None = None
    backs: tuple[tuple[Field, Colour], ...] = ()
