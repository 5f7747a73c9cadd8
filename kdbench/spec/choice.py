"""The base of every record, and the choice of a callable by name."""

from typing import Annotated, Any, ClassVar, TypeVar

from pydantic import (
    BaseModel,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    JsonValue,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema

T = TypeVar("T")
Several = Annotated[tuple[T, ...], Field(strict=False)]


class Record(BaseModel):
    """Frozen and strict: an unknown field or a value of another type is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)


NAME = "The name of a callable: see `kdbench list`. Its options stand beside it."


def about(text: str, *, example: JsonValue, unit: str | None = None) -> Any:
    """Annotates a field with what a key of a suite file means: for the schema, `kdbench show` and docs/suite.md."""
    return Field(description=text, examples=[example], json_schema_extra={"unit": unit} if unit else None)


def by_use(value: Any) -> Any:
    """`"sgd"` as `{use = "sgd"}`; anything else as it is."""
    return {"use": value} if isinstance(value, str) else value


class Choice(Record):
    """A callable by name, with its options: `"digits"` or `{use = "cnn", width = 8}`."""

    OWN: ClassVar[tuple[str, ...]] = ("use",)  # keys of a table that are not the callable's options

    use: Annotated[str, about(NAME, example="cnn")]
    options: dict[str, JsonValue] = {}
    origin: str | None = None  # of a plugin's callable: a hash of its source, so that edited code has another key

    @model_validator(mode="before")
    @classmethod
    def _gather(cls, value: Any) -> Any:
        value = by_use(value)
        if isinstance(value, dict) and not isinstance(value.get("options"), dict):
            own = {k: v for k, v in value.items() if k in cls.OWN}
            own["options"] = {k: v for k, v in value.items() if k not in own}
            return own
        return value

    @classmethod
    def __get_pydantic_json_schema__(cls, core: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        return open_table(core, handler, show=cls.OWN)

    @property
    def label(self) -> str:
        """`cnn(width=8)`: the name and the options as written."""
        options = ", ".join(f"{k}={_plain(v)}" for k, v in self.options.items())
        return f"{self.use}({options})" if options else self.use

    @property
    def arguments(self) -> dict[str, object]:
        """The options as the callable expects them: JSON has lists where Python has tuples."""
        return {name: tuple(value) if isinstance(value, list) else value for name, value in self.options.items()}


class NamedChoice(Choice):
    """A choice that reports may call by a name of its own."""

    OWN: ClassVar[tuple[str, ...]] = ("use", "name")

    name: Annotated[str | None, about("What reports call it; without one, its `use` and options.", example="mine")] = (
        None
    )

    @property
    def label(self) -> str:
        return self.name or super().label


def open_table(core: CoreSchema, handler: GetJsonSchemaHandler, show: tuple[str, ...]) -> JsonSchemaValue:
    """The schema of a table that may stand as a bare name, and that holds a callable's options beside its own keys."""
    schema = handler.resolve_ref_schema(handler(core))
    properties = {name: value for name, value in schema["properties"].items() if name in show}
    properties.setdefault("use", {"type": "string", "description": NAME, "examples": ["digits"]})
    table = {"type": "object", "properties": properties, "required": ["use"], "additionalProperties": True}
    return {"title": schema["title"], "description": schema["description"], "anyOf": [{"type": "string"}, table]}


def _plain(value: JsonValue) -> str:
    if isinstance(value, dict) and isinstance(value.get("use"), str):
        return Choice.model_validate(value).label
    return "-".join(map(_plain, value)) if isinstance(value, list) else str(value)
