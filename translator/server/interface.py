"""What is asked and answered: LibreTranslate's interface, for its clients and for OpenAPI."""

import json
from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, Field

from translator.server.settings import MAX_ALTERNATIVES, MAX_TERMS

JSON, FORM = "application/json", "application/x-www-form-urlencoded"
MULTIPART = "multipart/form-data"


def _whole(number: object) -> object:
    """JSON knows one kind of number: 2.0 is 2."""
    return int(number) if isinstance(number, float) and number.is_integer() else number


def _from_form(terms: object) -> object:
    """A form has a glossary as JSON."""
    return json.loads(terms) if isinstance(terms, str) else terms


_LONGEST_CODE = 100  # characters
_Code = Annotated[str, Field(max_length=_LONGEST_CODE)]
_Count = Annotated[int, Field(ge=0, le=MAX_ALTERNATIVES), BeforeValidator(_whole)]
_Terms = Annotated[dict[str, str], Field(max_length=MAX_TERMS), BeforeValidator(_from_form)]


class ApiRequest(BaseModel):
    """What all requests with a text have."""

    api_key: str = Field(
        "", description="If the server asks for one; or the header Authorization: Bearer KEY."
    )


class TranslateRequest(ApiRequest):
    """The request of LibreTranslate's /translate."""

    q: str | list[str] = Field(description="A text, or several.")
    source: _Code = Field(description="Its language; auto says which language it seems to be.")
    target: _Code = Field(description="The language to translate into.")
    format: Literal["text", "html"] = Field("text", description="html: tags go with their words.")
    alternatives: _Count = Field(0, description="How many other translations of each text.")
    glossary: _Terms = Field({}, description="Terms, and what they must be translated by.")
    scores: bool = Field(False, description="Say how sure each translation is.")

    @property
    def texts(self) -> list[str]:
        """The texts of q, of which there may be one."""
        return [self.q] if isinstance(self.q, str) else self.q


class TranslateFileRequest(ApiRequest):
    """The request of LibreTranslate's /translate_file, without the file."""

    source: _Code = Field(description="The language of the file; auto: whichever is translated.")
    target: _Code = Field(description="The language to translate into.")


class LiveRequest(ApiRequest):
    """A text whose translation is watched."""

    q: str = Field(description="A text.")
    source: _Code = Field("auto", description="Its language; auto: the first run's.")
    target: _Code = Field("", description="The language to translate into; else the first run's.")
    alternatives: _Count = Field(0, description="How many other translations of each sentence.")


class DetectRequest(ApiRequest):
    """The request of LibreTranslate's /detect."""

    q: str = Field(description="A text.")


class Detected(BaseModel):
    """The language that a text seems to be in."""

    language: str
    confidence: float = Field(description="0 to 100.")


class TranslateResponse(BaseModel):
    """The answer of LibreTranslate's /translate; each field a list where `q` is one."""

    translated_text: str | list[str] = Field(alias="translatedText")
    alternatives: list[str] | list[list[str]] | None = None
    score: float | list[float] | None = Field(
        None, description="Log-probability, for its length; of HTML the lowest of its texts."
    )
    detected_language: Detected | list[Detected] | None = Field(None, alias="detectedLanguage")


class Language(BaseModel):
    """A language, and the languages that it is translated into."""

    code: str
    name: str
    targets: list[str]


def described(model: type[BaseModel], **changes: dict[str, Any]) -> dict[str, Any]:
    """The body of a request for OpenAPI, its properties changed by what the run determines."""
    schema = model.model_json_schema()
    for name, change in changes.items():
        schema["properties"][name] |= change
    form = json.loads(json.dumps(schema))
    form["properties"].pop("glossary", None)  # JSON within a form
    for property_ in form["properties"].values():
        property_.pop("anyOf", None)  # q of a form is a text, or is there several times
    form["properties"]["q"]["type"] = "string"
    content = {JSON: {"schema": schema}, FORM: {"schema": form}}
    return {"requestBody": {"required": True, "content": content}}
