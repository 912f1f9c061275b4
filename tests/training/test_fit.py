"""A fit learns what can be learned, goes on after a kill as if nothing had happened, and stops when it gets worse."""

from __future__ import annotations

import copy
import json
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

pytest.importorskip("torch", reason="fitting needs the extra `train`")
pytest.importorskip("cv2", reason="fitting needs the extra `train`")

import torch

from imagefaulty.checks import CHECK_NAMES
from imagefaulty.training import fit as fitting
from imagefaulty.training.backbone import EARLY, Trunk
from imagefaulty.training.batches import Batch, restyled
from imagefaulty.training.cells import CHANNELS, FIRST_BOX
from imagefaulty.training.course import answered
from imagefaulty.training.features import FeatureStore
from imagefaulty.training.fit import Split, fit, halves, predict
from imagefaulty.training.heads import CELL, PageNet
from imagefaulty.training.progress import CURVES, FIGURES
from imagefaulty.training.recipe import FitSettings
from imagefaulty.training.stem import TAPS

ROWS, COLUMNS = 8, 6
SETTINGS = FitSettings(epochs=3, epoch_samples=64, batch=8, average=0.9)


class _Killed(Exception):
    pass


def _store(pages: int = 48) -> FeatureStore:
    """Maps whose first channels tell the corner check's class; nothing is known of the other checks."""
    rng = np.random.default_rng(1)
    maps = {
        tap.name: rng.normal(
            size=(pages, tap.channels, ROWS * CELL // tap.stride, COLUMNS * CELL // tap.stride)
        ).astype(np.float16)
        for tap in TAPS
    }
    codes = np.full((pages, 4), -1, np.int8)
    corner = CHECK_NAMES.index("corner")
    codes[:, corner] = np.arange(pages) % 2
    maps[EARLY.name][codes[:, corner] == 1, :20] += 3
    cells = np.full((pages, 5, ROWS, COLUMNS), -1, np.int8)
    done = np.ones(pages, np.bool_)
    return FeatureStore(maps, codes, np.ones((pages, 4), np.float32), cells, done, "key")


def _split() -> Split:
    return Split(np.arange(40), np.ones(40), np.arange(40, 48))


def _weights(net: PageNet) -> dict[str, torch.Tensor]:
    return dict(net.state_dict())


def test_fit_learns_what_the_maps_tell(tmp_path: Path) -> None:
    store = _store()
    net = fit(store, _split(), settings=replace(SETTINGS, epochs=6), directory=tmp_path)
    answers = predict(net, store, np.arange(40, 48))["corner"].argmax(axis=1)
    assert (answers == store.codes[40:, CHECK_NAMES.index("corner")]).mean() >= 0.75


def test_further_fit_goes_on_with_the_network_of_the_first(tmp_path: Path) -> None:
    store = _store()
    first = fit(store, _split(), settings=SETTINGS, directory=tmp_path / "first")
    still = replace(SETTINGS, epochs=1, epoch_samples=8, rate=1e-9)
    second = fit(store, _split(), settings=still, directory=tmp_path / "second", start=first)
    learned = {name for name, _ in first.named_parameters()}
    for name in learned:
        torch.testing.assert_close(_weights(second)[name], _weights(first)[name], rtol=1e-4, atol=1e-6)


def test_fit_that_was_killed_ends_where_it_would_have_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    store = _store()
    whole = _weights(fit(store, _split(), settings=SETTINGS, directory=tmp_path / "whole"))
    monkeypatch.setattr(fitting, "_CHECKPOINT_EVERY", 5)
    advance = fitting._Run.advance

    def killed(run: fitting._Run) -> None:
        if run.step == 13:
            raise _Killed
        advance(run)

    monkeypatch.setattr(fitting._Run, "advance", killed)
    with pytest.raises(_Killed):
        fit(store, _split(), settings=SETTINGS, directory=tmp_path / "killed")
    monkeypatch.setattr(fitting._Run, "advance", advance)
    resumed = _weights(fit(store, _split(), settings=SETTINGS, directory=tmp_path / "killed"))
    assert all(torch.allclose(whole[name].float(), resumed[name].float(), atol=1e-4) for name in whole)
    lines = (tmp_path / "killed" / FIGURES).read_text(encoding="utf-8").splitlines()
    assert [json.loads(line)["epoch"] for line in lines] == [1, 2, 3]


def test_checkpoint_of_other_settings_is_not_taken_up(tmp_path: Path) -> None:
    store = _store()
    fit(store, _split(), settings=replace(SETTINGS, epochs=1), directory=tmp_path)
    run = fitting._Run(store, _split(), replace(SETTINGS, epochs=1, seed=1), tmp_path)
    run.resume()
    assert run.step == 0


def test_fit_stops_when_unseen_sources_get_worse(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    losses = iter([3.0, 1.0, 2.0, 2.0, 2.0, 2.0])
    monkeypatch.setattr(fitting._Run, "_validation_losses", lambda _run: {"corner": next(losses)})
    fit(_store(), _split(), settings=replace(SETTINGS, epochs=6, patience=2), directory=tmp_path)
    assert len((tmp_path / FIGURES).read_text(encoding="utf-8").splitlines()) == 4


def test_fit_leaves_curves_to_look_at(tmp_path: Path) -> None:
    fit(_store(), _split(), settings=replace(SETTINGS, epochs=2), directory=tmp_path)
    assert (tmp_path / CURVES).read_bytes().startswith(b"\x89PNG")


def test_fits_with_other_settings_are_told_apart() -> None:
    names = [field.name for field in fields(FitSettings)]
    others: list[dict[str, Any]] = [{name: 99} for name in names]
    assert len({replace(SETTINGS, **other).digest for other in others} | {SETTINGS.digest}) == len(names) + 1


def test_fits_of_another_order_begin_alike_and_see_others(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[int]] = []
    load = fitting._load

    def note(store: FeatureStore, chosen: NDArray[np.integer], device: torch.device) -> Batch:
        seen.append(chosen.tolist())
        return load(store, chosen, device)

    monkeypatch.setattr(fitting, "_load", note)
    begun = []
    for order in (0, 1):
        run = fitting._Run(_store(), _split(), replace(SETTINGS, order=order), tmp_path / str(order))
        begun.append(_weights(copy.deepcopy(run.net)))
        run.advance()
    assert all(torch.equal(begun[0][name], begun[1][name]) for name in begun[0])
    assert seen[0] != seen[1]


def test_pages_exchange_their_looks_but_not_what_is_on_them() -> None:
    """What stands out on a page stands out as much afterwards; mean and spread are those of a mixture."""
    torch.manual_seed(1)
    early = torch.randn(6, 8, 5, 4) * torch.rand(6, 8, 1, 1) + torch.rand(6, 8, 1, 1)
    codes = torch.zeros(6, 4, dtype=torch.int64)
    codes[4:, CHECK_NAMES.index("empty")] = 1
    batch = Batch(early, codes, torch.ones(6, 4), torch.zeros(6, 5, 5, 4))
    styled = restyled(batch, np.random.default_rng(0), mix=0.3).early

    def standing_out(maps: torch.Tensor) -> torch.Tensor:
        return (maps - maps.mean((2, 3), keepdim=True)) / maps.std((2, 3), keepdim=True)

    assert torch.allclose(standing_out(styled), standing_out(early), atol=2e-2)
    means, before = styled.mean((2, 3))[:4], early.mean((2, 3))[:4]
    assert not torch.allclose(means, before)
    assert (means >= before.min(0).values - 1e-4).all()
    assert (means <= before.max(0).values + 1e-4).all()
    assert torch.equal(styled[4:], early[4:])  # of an empty page its look is all there is


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 24)])
def test_looks_are_exchanged_as_often_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, expected: int
) -> None:
    calls = []

    def exchange(batch: Batch, _rng: np.random.Generator, *, mix: float) -> Batch:
        calls.append(mix)
        return batch

    monkeypatch.setattr(fitting, "restyled", exchange)
    fit(_store(), _split(), settings=replace(SETTINGS, restyled=share), directory=tmp_path)
    assert len(calls) == expected


@pytest.mark.parametrize(("share", "expected"), [(0.0, 0), (1.0, 24)])
def test_pages_get_parts_of_others_as_often_as_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, share: float, expected: int
) -> None:
    calls = []

    def patch(batch: Batch, _rng: np.random.Generator) -> Batch:
        calls.append(batch)
        return batch

    monkeypatch.setattr(fitting, "patched", patch)
    fit(_store(), _split(), settings=replace(SETTINGS, patched=share), directory=tmp_path)
    assert len(calls) == expected


def test_longer_fits_count_more_in_the_mean() -> None:
    torch.manual_seed(3)
    nets = [PageNet(5, 4, trunk=Trunk()) for _ in range(3)]
    mean = fitting.mean_of(nets, [12, 7, 5])
    for name, value in mean.state_dict().items():
        parts = [net.state_dict()[name] for net in nets]
        shares = zip(parts, (0.5, 7 / 24, 5 / 24), strict=True)
        expected = sum(part * share for part, share in shares) if value.is_floating_point() else parts[0]
        assert torch.allclose(value, torch.as_tensor(expected), atol=1e-5), name


def test_graph_answers_as_the_network_does() -> None:
    store, rows = _store(6), np.array([4, 1])
    net = PageNet(ROWS, COLUMNS, trunk=Trunk())
    expected = predict(net, store, rows)
    found = answered(net, store, rows)
    assert set(found) == set(expected)
    for name, logits in expected.items():
        assert np.allclose(found[name], logits, atol=1e-3)


@pytest.mark.parametrize(
    ("able", "wanted"), [({"avx512_bf16": True}, True), ({"bf16": True}, True), ({"avx2": True}, False)]
)
def test_numbers_are_halved_where_the_processor_multiplies_them(
    monkeypatch: pytest.MonkeyPatch, able: dict[str, bool], wanted: bool
) -> None:
    """One that does not takes eighteen times as long for a step as in single precision."""
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: able)
    assert halves(torch.device("cpu")) is wanted
    assert halves(torch.device("cuda"))


def test_torch_that_cannot_say_what_its_processor_does_gets_single_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delattr(torch.cpu, "get_capabilities")
    assert not halves(torch.device("cpu"))


@pytest.mark.parametrize("halved", [True, False])
def test_fit_computes_in_halves_only_where_they_pay(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, *, halved: bool
) -> None:
    monkeypatch.setattr(fitting, "halves", lambda _device: halved)
    found: set[torch.dtype] = set()
    forward = PageNet.forward

    def watched(net: PageNet, early: torch.Tensor) -> dict[str, torch.Tensor]:
        found.add(net.heads.ink_out(torch.zeros(1, 48, 2, 2, device=early.device)).dtype)
        return forward(net, early)

    monkeypatch.setattr(PageNet, "forward", watched)
    fit(
        _store(),
        Split(np.arange(40), np.ones(40), np.arange(0)),
        settings=replace(SETTINGS, epochs=1, epoch_samples=16),
        directory=tmp_path,
    )
    assert found == {torch.bfloat16 if halved else torch.float32}


def test_every_box_of_every_page_asks_for_some_of_its_cells() -> None:
    marks = torch.zeros(2, len(CHANNELS), 4, 4)
    corner = CHANNELS.index("corner")
    marks[0, corner, 0] = FIRST_BOX
    marks[0, corner, 3, :2] = FIRST_BOX + 1
    marks[1, corner, :2] = FIRST_BOX
    logits = torch.zeros(2, len(CHANNELS), 4, 4)
    logits[0, corner, 0, 2] = 5.0
    logits[1, corner, 0, 0] = 4.0
    logits[1, corner, 1, 3] = 2.0
    surest = fitting._surest_of_boxes(logits[:, corner], marks[:, corner])
    assert surest.tolist() == [5.0, 0.0, 3.0]
    marks[marks == 0] = -1
    assert float(fitting._cell_loss(logits, marks)) == pytest.approx(
        float(0.5 * torch.nn.functional.softplus(-surest).mean() / len(CHANNELS))
    )
