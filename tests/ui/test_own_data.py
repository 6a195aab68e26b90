"""A person's own file on Train: its text can be chosen, what is left out is named, a fault has its true line."""

import pytest
from screen import button, opened, ran, store_of, words

UNNAMED = b"\n\nid,headline,story_de\n1,eins,eins zwei drei vier\n2,zwei,vier drei zwei eins\n"


def dropped(name, content, app=None):
    if app is None:
        app = opened("1_Train")
        app.segmented_control(key="train.data_source").set_value("Own file")
        ran(app)
    app.file_uploader(key="train.file").set_value((name, content, "text/plain"))
    return ran(app)


def columns(app):
    return next(one for one in app.multiselect if (one.key or "").startswith("train.text_columns"))


def dataset(app):
    return store_of(app).choices["train"].get("dataset")


@pytest.mark.slow
def test_where_the_text_is_not_known_it_can_be_chosen_among_the_columns_found():
    app = dropped("news.csv", UNNAMED)
    assert "say which column is the text" in app.error[0].value
    assert "line 3" in app.error[0].value
    assert columns(app).options == ["id: 1", "headline: eins", "story_de: eins zwei drei vier"]
    assert button(app, "Count it").disabled
    columns(app).set_value(["story_de"])
    ran(app)
    assert dataset(app) is None
    button(app, "Count it").click()
    ran(app)
    assert not app.error
    one = dataset(app)
    assert one.examples == 2
    assert "Columns that are left out: id, headline" in words(app)
    ran(app)
    assert dataset(app) == one


@pytest.mark.slow
def test_several_columns_together_are_the_text_in_their_order():
    app = dropped("news.csv", UNNAMED)
    columns(app).set_value(["headline", "story_de"])
    button(ran(app), "Count it").click()
    both = dataset(ran(app)).tokens
    alone = dropped("news.csv", UNNAMED)
    columns(alone).set_value(["story_de"])
    button(ran(alone), "Count it").click()
    assert both > dataset(ran(alone)).tokens


@pytest.mark.slow
def test_a_choice_that_does_not_hold_is_told_with_its_line_and_can_be_made_anew():
    rows = b'{"a": 1, "b": {"c": 2}, "d": "words"}\n{"a": 1, "b": {"c": 2}}\n{"a": 1, "d": "more words"}\n'
    app = dropped("mine.jsonl", rows)
    columns(app).set_value(["b"])
    button(ran(app), "Count it").click()
    ran(app)
    assert "line 1" in app.error[0].value
    assert "an object" in app.error[0].value
    columns(app).set_value(["a"])
    button(ran(app), "Count it").click()
    ran(app)
    assert not app.error
    assert dataset(app).examples == 3


@pytest.mark.slow
def test_another_file_asks_for_its_own_columns():
    app = dropped("news.csv", UNNAMED)
    columns(app).set_value(["story_de"])
    app = dropped("other.csv", b"x,y\nq,w\n", ran(app))
    assert columns(app).options == ["x: q", "y: w"]
    assert columns(app).value == []


@pytest.mark.slow
def test_what_is_no_part_of_the_text_is_named():
    rows = b'{"text": "one two", "meta": "x", "score": 3}\n{"text": "", "meta": "y", "score": 4}\n'
    said = words(dropped("mine.jsonl", rows))
    assert "Columns that are left out: meta, score" in said
    assert "1 example has no text or no answer and is left out" in said


@pytest.mark.slow
def test_a_known_layout_can_be_overruled():
    rows = b'{"text": "a few words", "other": "many more words than there were in the first"}\n' * 3
    app = dropped("known.jsonl", rows)
    known = dataset(app)
    columns(app).set_value(["other"])
    button(ran(app), "Count it").click()
    ran(app)
    assert dataset(app).tokens > known.tokens
    assert "Columns that are left out: text" in words(app)


@pytest.mark.slow
def test_an_unknown_layout_waits_for_its_columns_on_the_way_to_another_page_and_back():
    app = dropped("news.csv", UNNAMED)
    columns(app).set_value(["story_de"])
    ran(app)
    ran(app.switch_page("pages/2_Monitor.py"))
    ran(app.switch_page("pages/1_Train.py"))
    assert columns(app).value == ["story_de"]
    button(app, "Count it").click()
    assert dataset(ran(app)).examples == 2
