"""What every contract is: frozen, strict, finite; one InvalidConfig has a sentence for each wrong field."""

from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from vapor_core.errors import InvalidConfig

# Other projects' words for a precision, in small letters.
PRECISION_ALIASES: dict[str, str] = {
    **dict.fromkeys(("bfloat16", "amp_bf16", "bf16-true", "bf16-mixed", "bf16-pure"), "bf16"),
    **dict.fromkeys(("float16", "half", "amp_fp16", "16-true", "16-mixed"), "fp16"),
    **dict.fromkeys(("float32", "32-true"), "fp32"),
    **dict.fromkeys(("float8", "amp_fp8", "fp8_block", "fp8-block"), "fp8"),
    **dict.fromkeys(("nvfp4", "mxfp4"), "fp4"),
}


def plain_precision(value: object) -> object:
    """A precision in Vapor's own word; what is no text stays as it is."""
    if not isinstance(value, str):
        return value
    return PRECISION_ALIASES.get(value.lower(), value.lower())


class Contract(BaseModel):
    """A frozen value; one InvalidConfig describes all its wrong fields.

    Keys come from outside, so `self` is positional-only: a field of that name is refused like any unknown one.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False, protected_namespaces=())

    def __init__(self, /, **data: Any) -> None:  # noqa: ANN401 - pydantic's own signature
        try:
            super().__init__(**data)
        except ValidationError as error:
            raise InvalidConfig(_sentences(error, type(self))) from None

    def changed(self, /, **changes: Any) -> Self:  # noqa: ANN401 - any field's value
        """The same with some fields changed, validated anew."""
        return type(self)(**{**{name: getattr(self, name) for name in self.model_fields_set}, **changes})


def _sentences(error: ValidationError, owner: type[BaseModel]) -> dict[str, str]:
    """One sentence a field, in pydantic's order; the first problem of a field wins."""
    problems: dict[str, str] = {}
    unknown: list[str] = []
    for item in error.errors(include_url=False):
        path = [str(part) for part in item["loc"]]
        field = path[0] if path else ""
        if field in problems or item["type"] == "default_factory_not_called":
            continue
        if item["type"] == "extra_forbidden" and len(path) == 1:
            unknown.append(field)
            continue
        problems[field] = _sentence(field, item["type"], item["msg"], item.get("input"))
    if unknown:
        problems[unknown[0]] = _not_fields(unknown, owner)
    return problems


def _not_fields(unknown: list[str], owner: type[BaseModel]) -> str:
    shown = [name if name.isidentifier() and len(name) <= 60 else repr(name[:60]) for name in unknown[:5]]
    names = ", ".join(shown) + (f" and {len(unknown) - 5} more" if len(unknown) > 5 else "")
    verb = "is not a field" if len(unknown) == 1 else "are not fields"
    return f"{names} {verb} of {owner.__name__}; its fields are {', '.join(owner.model_fields)}"


# In place of pydantic's words, which speak of parsing.
_PLAINER = {
    "float_parsing": "should be a number",
    "int_parsing": "should be a whole number",
    "int_from_float": "should be a whole number",
}


def _sentence(field: str, kind: str, message: str, value: object) -> str:
    if kind == "missing":
        return f"{field} is required"
    message = _PLAINER.get(kind, message)
    text = message.removeprefix("Value error, ").removeprefix("Assertion failed, ")
    if kind == "value_error":
        return text if not field or text.startswith(field) else f"{field}: {text}"
    shown = repr(value)
    shown = shown if len(shown) <= 60 else shown[:57] + "..."
    return f"{field} {text[0].lower()}{text[1:]}, not {shown}".replace("input should", "should")


Name = Annotated[str, Field(max_length=200)]
Words = Annotated[
    str, Field(max_length=5000)
]  # where a length is bounded, pydantic refuses half a surrogate pair too
