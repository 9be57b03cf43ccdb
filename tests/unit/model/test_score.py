"""What a run of score says of the version that scores."""

from model.score import defined_otherwise


def test_features_that_are_defined_otherwise_than_in_training_are_named() -> None:
    about = {"recipe": {"features": {"one": {"definition": "a"}, "two": {"definition": "b"}}}}
    assert defined_otherwise(about, {"one": "a", "two": "c"}) == ["two"]
    assert defined_otherwise(about, {"one": None, "new": "d"}) == []
    assert defined_otherwise({}, {"one": "a"}) == []
