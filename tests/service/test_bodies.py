import asyncio
import json
import math
import time
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imagefaulty.service.bodies import dump, dump_list, parse

# Past the size from which a document is read step by step.
PADDING = " " * 1_000_000
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)


def stepwise(text: str) -> Any:
    return asyncio.run(parse(bytearray(f"{text}{PADDING}".encode("utf-8", "surrogatepass"))))


@given(VALUES, st.sampled_from([None, 1]))
def test_a_long_document_is_read_as_a_short_one(value: Any, indent: int | None) -> None:
    text = json.dumps(value, indent=indent)
    assert stepwise(text) == json.loads(text)


@given(st.text('{}[]",: \n1e-.atruefalsn\\u00', max_size=12))
def test_what_is_no_json_is_refused_in_long_documents_too(text: str) -> None:
    def read(reader: Any) -> Any:
        try:
            return repr(reader(text))
        except ValueError:
            return "refused"

    assert read(stepwise) == read(json.loads)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "utf-16", "utf-32"])
def test_the_encoding_of_a_long_document_is_recognised(encoding: str) -> None:
    data = bytearray((json.dumps({"é": ["ü", 1]}, ensure_ascii=False) + PADDING).encode(encoding))
    assert asyncio.run(parse(data)) == {"é": ["ü", 1]}


def test_the_last_of_two_equal_keys_counts() -> None:
    assert stepwise('{"a": [1], "a": [2]}') == {"a": [2]}


def test_others_go_on_while_thousands_of_tasks_are_read_and_written() -> None:
    tasks = [{"id": n, "data": {"image": f"/{n}"}, "annotations": [{"result": list(range(2000))}]} for n in range(1500)]
    data = bytearray(json.dumps({"tasks": tasks}).encode())

    async def longest_wait() -> float:
        waits = []
        work = asyncio.ensure_future(parse(data))
        while not work.done():
            started = time.monotonic()
            await asyncio.sleep(0)
            waits.append(time.monotonic() - started)
        work = asyncio.ensure_future(dump_list((await work)["tasks"]))
        while not work.done():
            started = time.monotonic()
            await asyncio.sleep(0)
            waits.append(time.monotonic() - started)
        # Beside the slices there is one stretch: turning 17 MB of bytes to text. The median needs no quiet machine.
        assert len(waits) > 10
        return sorted(waits)[len(waits) // 2]

    assert asyncio.run(longest_wait()) < 0.05


def test_a_list_is_written_as_json() -> None:
    entries = [{}, {"a": "é\ud800"}, None]
    assert json.loads(asyncio.run(dump_list(entries))) == entries
    assert asyncio.run(dump_list([])) == b"[]"


@pytest.mark.parametrize("value", [math.nan, math.inf, object(), {1, 2}])
def test_what_json_cannot_hold_is_an_error(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        dump(value)
