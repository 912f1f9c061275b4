"""The answers follow from local evidence: what is in no cell is in no answer."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip("torch", reason="fitting needs the extra `train`")
pytest.importorskip("cv2", reason="fitting needs the extra `train`")

import torch

from imagefaulty.checks import CHECKS
from imagefaulty.training.backbone import EARLY, LAST, MID, Tap, Trunk
from imagefaulty.training.cells import CHANNELS
from imagefaulty.training.course import _Answering
from imagefaulty.training.graphs import one_thread_session, write_graph
from imagefaulty.training.heads import Heads, PageNet, answers_of


def _pages(**scores: float) -> torch.Tensor:
    return torch.tensor([[scores.get(channel, -8.0) for channel in CHANNELS]])


@pytest.mark.parametrize(
    ("found", "label"),
    [
        ({"handwriting": 8.0}, "Handwritten"),
        ({"print": 8.0}, "Typewritten"),
        ({"handwriting": 8.0, "print": 8.0}, "Combination"),
    ],
)
def test_combination_is_both_hands_together(found: dict[str, float], label: str) -> None:
    writing = next(check for check in CHECKS if check.name == "writing_type")
    logits = answers_of(_pages(**found))["writing_type"][0]
    assert writing.class_names[int(logits.argmax())] == label


def test_graph_gives_logits_where_no_hand_is_in_doubt(tmp_path: Path) -> None:
    """ONNX Runtime's sigmoid is 0 below -18 or so, and the logarithm of that is no number."""
    names = [check.name for check in CHECKS]
    example = torch.zeros(1, len(CHANNELS))
    graph = write_graph(tmp_path / "answers.onnx", _Answering(answers_of), {"page": example}, outputs=names)
    scores = _pages(handwriting=60.0, print=-60.0)
    found = dict(zip(names, one_thread_session(graph).run(names, {"page": scores.numpy()}), strict=True))
    assert found["writing_type"][0] == pytest.approx([0, -120, -60])
    assert answers_of(scores)["writing_type"][0].tolist() == pytest.approx([0, -120, -60])


def test_page_without_content_is_empty() -> None:
    assert int(answers_of(_pages())["empty"][0].argmax()) == 1
    assert int(answers_of(_pages(content=8.0))["empty"][0].argmax()) == 0


@pytest.mark.parametrize("taps", [(MID,), (MID, LAST)])
def test_outputs_have_the_promised_shapes(taps: tuple[Tap, ...]) -> None:
    heads = Heads(taps, rows=8, columns=6).eval()
    maps = (torch.randn(2, MID.channels, 8, 6), torch.randn(2, LAST.channels, 4, 3))[: len(taps)]
    found = heads(maps)
    assert {check.name: tuple(found[check.name].shape) for check in CHECKS} == {
        check.name: (2, len(check.classes)) for check in CHECKS
    }
    assert found["evidence"].shape == (2, len(CHANNELS), 8, 6)
    assert found["embedding"].shape[1] <= 512


def test_page_turned_upside_down_can_only_differ_by_what_the_cells_see() -> None:
    """Where a cell lies is told by its distance to edges and corners, so that all four corners count alike."""
    heads = Heads((MID,), rows=8, columns=6)
    assert torch.equal(heads.places, heads.places.flip((2, 3)))


def test_last_blocks_stay_as_published_while_the_others_learn() -> None:
    net = PageNet(8, 6, trunk=Trunk()).train()
    loss = net(torch.randn(2, EARLY.channels, 8, 6))["corner"].sum()
    loss.backward()
    assert all(each.grad is not None for each in net.trunk.tuned.parameters())
    assert not any(each.requires_grad or each.grad is not None for each in net.trunk.published.parameters())
    assert net.heads.ink_in[1][0].weight.grad is None or not net.heads.ink_in[1][0].weight.grad.any()  # of `corner`
    assert net.heads.fault_in[1][0].weight.grad.any()
