"""What passes between store and worker, as documents: nothing is lost, nothing is written twice."""

import datetime
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from jobflow import Flow

from interlith.launchers.local.exchange import new_job, referred, sent_documents, store_result
from interlith.launchers.local.worker import flatten, run_job
from interlith.launchers.local.workspace import Workspace
from interlith.launchers.stores.documents import decode, encode
from interlith.structures.errors import RequestError


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Workspace(tmp_path / "w")


def texts(*jobs) -> dict[str, str]:
    """Return each job's JSON text under its uuid."""
    return {found["uuid"]: found["job"] for found in flatten(Flow(list(jobs)))}


def computed(text: str) -> dict:
    return run_job({"job": decode(text), "documents": [], "threads": 1})


VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats()
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
    | st.binary(max_size=6)
    | st.datetimes(min_value=datetime.datetime(1970, 1, 2), max_value=datetime.datetime(2200, 1, 1)),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="$"), max_size=4), inner, max_size=3
        )
    ),
    max_leaves=10,
)


def same(one, two) -> bool:
    if isinstance(one, float) and one != one:
        return isinstance(two, float) and two != two
    if isinstance(one, datetime.datetime):
        return two == one.replace(microsecond=one.microsecond // 1000 * 1000)  # BSON keeps milliseconds
    if isinstance(one, dict):
        return one.keys() == two.keys() and all(same(one[key], two[key]) for key in one)
    if isinstance(one, list):
        return len(one) == len(two) and all(map(same, one, two))
    return type(one) is type(two) and one == two


@given(VALUES)
@settings(max_examples=150, deadline=None)
def test_a_document_is_strict_json_and_comes_back_as_it_was(value):
    text = encode({"value": value})

    def refuse(name):
        raise AssertionError(f"{name} is no JSON")

    json.loads(text, parse_constant=refuse)
    assert same(value, decode(text)["value"])


def test_text_that_no_file_can_hold_is_refused_with_its_place():
    with pytest.raises(RequestError, match=r"no valid Unicode.*before.*after"):
        encode({"a": ["before \ud800 after"]})


def test_references_are_found_wherever_they_hide():
    one, two, three = ({"@class": "OutputReference", "uuid": uuid} for uuid in ("a", "b", "c"))
    assert referred({"x": [1, {"y": one}], "z": {"w": [[two]]}, "again": one}) == {"a", "b"}
    assert referred({"@class": "OutputReference", "uuid": "a", "attributes": [three]}) == {"a"}
    assert referred("OutputReference") == referred(None) == referred([]) == set()


def test_a_result_is_stored_once_however_often_it_is_taken_in(jobs, place):
    (text,) = texts(jobs.dense(6)).values()
    result = computed(text)
    (document,) = result["documents"]
    with place.store as store:
        for _ in range(3):
            store_result(place, store, result)
        assert store.docs_store.count() == 1
        assert store.additional_stores["data"].count() == 1
        assert store.get_output(document["uuid"], load=True)["rho"] == [float(k) for k in range(6)]


def test_the_data_of_an_earlier_attempt_is_taken_away(jobs, place):
    ((uuid, text),) = texts(jobs.dense(6)).items()
    first, second = computed(text), computed(text)
    assert first["blobs"]["data"][0]["blob_uuid"] != second["blobs"]["data"][0]["blob_uuid"]
    with place.store as store:
        for result in (first, second):
            store_result(place, store, result)
        (blob,) = store.additional_stores["data"].query()
        assert blob["blob_uuid"] == second["blobs"]["data"][0]["blob_uuid"]
        assert store.get_output(uuid, load=True)["rho"][-1] == 5.0


def test_a_store_of_a_new_name_is_made_when_it_is_needed(jobs, place):
    (text,) = texts(jobs.dense(3)).values()
    result = computed(text)
    result["blobs"] = {"densities": result["blobs"]["data"]}
    with place.store as store:
        store_result(place, store, result)
        assert store.additional_stores["densities"].count() == 1
    assert set(Workspace(place.path).store.additional_stores) == {"data", "densities"}


def test_a_job_is_sent_the_documents_that_it_reads_and_no_others(jobs, place):
    first, other = jobs.add(1, 1), jobs.add(5, 5)
    reader = jobs.add(first.output)
    text = texts(first, other, reader)
    with place.store as store:
        for job in (first, other):
            store_result(place, store, computed(text[job.uuid]))
        assert [document["uuid"] for document in sent_documents(store, text[reader.uuid])] == [first.uuid]
        assert sent_documents(store, text[first.uuid]) == []


def test_of_a_replaced_job_the_last_output_is_sent(jobs, place):
    first = jobs.add(1, 1)
    reader = jobs.add(first.output)
    text = texts(first, reader)
    result = computed(text[first.uuid])
    with place.store as store:
        for index, output in ((1, 2), (3, 30), (2, 20)):
            document = result["documents"][0] | {"index": index, "output": output}
            store_result(place, store, {**result, "documents": [document]})
        assert [document["output"] for document in sent_documents(store, text[reader.uuid])] == [30]


def test_what_a_flow_says_of_a_job_is_what_the_ledger_enters(jobs):
    first = jobs.add(1)
    second = jobs.forgiving(first.output)
    found = {each["uuid"]: new_job(each) for each in flatten(Flow([first, second]))}
    assert (found[second.uuid].parents, found[second.uuid].forgiving, found[second.uuid].chain) == (
        (first.uuid,),
        True,
        1,
    )
    assert (found[first.uuid].parents, found[first.uuid].forgiving, found[first.uuid].chain) == ((), False, 2)
    assert decode(found[first.uuid].job)["function_args"] == [1]
