"""Whether a text that anybody may read is a secret: by the name that it has, or by its shape.

Names are read word by word (`HF_TOKEN`, `--api-key`, `clientSecret`), so that TOKENIZER,
MAX_TOKENS, SECRET_NAME and KEY_FILE are none. Nothing here gives a value back.
"""

import re
from types import MappingProxyType

# Most start with letters and look back for what has to be before them: Python's `re` then
# skips to these letters, which in a long text is many times as fast.
_SHAPES = MappingProxyType(
    {
        "a Hugging Face token": re.compile(r"hf_(?<=\bhf_)[A-Za-z0-9]{30,}\b"),
        "an AWS access key": re.compile(r"A(?<=\bA)(?:KIA|SIA)[A-Z0-9]{16}\b"),
        "an API key of OpenAI's kind": re.compile(
            r"sk-(?<![\w-]sk-)(?:(?:admin|ant|or|proj|svcacct)-(?:[\w-]{0,80}[_-])?)?"
            r"(?=[A-Za-z]{0,200}[0-9])[A-Za-z0-9]{20,}"
        ),
        "a GitHub token": re.compile(
            r"g(?<=\bg)(?:h[pousr]_[A-Za-z0-9]{36,}|ithub_pat_[A-Za-z0-9_]{50,})"
        ),
        "a private key": re.compile(r"-----BEGIN (?:[A-Z0-9]{1,20} ){0,3}PRIVATE KEY-----"),
        "a bearer token": re.compile(
            r"earer(?<=\b[Bb]earer)[ ]+(?=[A-Za-z0-9._~+/-]{0,200}[0-9])[A-Za-z0-9._~+/-]{20,}"
        ),
        "a URL with a password": re.compile(
            r"\b[A-Za-z][A-Za-z0-9+.-]{0,20}://[^\s/:@$<>{}\"']{0,100}:[^\s/@$<>{}\"',;]{1,200}@"
        ),
    }
)
"""Issuers mark what they issue, so that it is found: GitHub and Hugging Face in their docs on
secret scanning, AWS in IAM's docs on unique identifiers."""

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+")
_PASSWORDS = ("password", "passwords", "passwd", "passphrase")
_SHORT_PASSWORDS = ("pass", "pwd")
"""The last of several words: PWD is a folder."""
_PASSES = frozenset(
    {
        *("backward", "band", "first", "forward", "high", "last", "low", "max", "min", "multi"),
        *("next", "num", "old", "one", "per", "render", "second", "single", "two"),
    }
)
"""Words before a pass that is a run through something, and before OLD_PWD."""
_KEYS = frozenset(
    {
        *("access", "account", "api", "auth", "encryption", "license", "master", "private"),
        *("secret", "signing"),
    }
)
_BEFORE_TOKENS = frozenset({"access", "api", "auth", "bearer", "refresh"})
_TOKENS_OF_TEXT = frozenset(
    {
        *("audio", "bos", "cls", "draft", "each", "end", "eos", "first", "image", "input", "last"),
        *("mask", "max", "min", "new", "next", "output", "pad", "per", "sep", "special", "start"),
        *("stop", "think", "tool", "unk", "video"),
    }
)
_NAMES_OF_SECRETS = frozenset(
    {"ca", "cert", "certificate", "existing", "image", "k8s", "kubernetes", "pull", "ssl", "tls"}
)
"""TLS_SECRET is the name of an object of Kubernetes, CLIENT_SECRET is a secret."""
_NAME_OF_CLUSTER = ["initial", "cluster", "token"]
"""By which etcd tells clusters apart (etcd.io, docs/v3.5/op-guide/clustering)."""
_SWITCHES = frozenset({"allow", "disable", "enable", "no", "require", "skip", "use", "with"})

_PLACEHOLDERS = frozenset(
    {
        *("", "auto", "dummy", "empty", "false", "n/a", "nil", "no", "no-key", "none"),
        *("not-needed", "null", "off", "on", "token", "true", "unset", "unused", "yes"),
    }
)
"""What a client is given that insists on a key which the server does not ask for."""
_REFERENCE = re.compile(
    r".*(?:\$[({]|\{\{|%\{).*|\$[A-Za-z_]\w*|<[^<>]*>|\{[A-Z_]+\}|`[a-z/]+|`[^`]*`", re.DOTALL
)
"""Of a template or a shell; what it stands for in backticks may be cut off behind its command."""
_ELSEWHERE = re.compile(
    r"(?:/[\w.@+-]+){2,}/?|/[\w.-]{1,30}|\.{0,2}/?[\w./-]+\.(?:crt|json|key|pem|toml|txt|ya?ml)"
    r"|(?:arn|file|projects|ref\+[a-z0-9]+|secretref|ssm|vault):?[:/].*|https?://[^@\s]*"
)
"""Where a secret is kept: a file, an entry of a store, who is asked for it."""
_MAP = re.compile(r"\{\s*[\"']?\w[^:]{0,100}:\s.*\}|\{\s*\"[^\"]{1,100}\":.*\}", re.DOTALL)
"""Of YAML or JSON, as far as a line tells."""
_OBJECT = re.compile(r"[a-z0-9-]{1,63}/[a-z0-9.-]{1,253}")
"""namespace/name, of `--secret`."""
_KEY_OF_AWS = re.compile(r"(?=.*[A-Z])(?=.*[0-9])[A-Za-z0-9/+]{40}")
"""Which a path may look like."""
_SHORT_NUMBER = re.compile(r"[+-]?[0-9.]{1,6}")


def shape_of(text: str) -> str | None:
    """What `text` has in it that is a secret whatever it is called; None for nothing."""
    return next((what for what, shape in _SHAPES.items() if shape.search(text)), None)


def is_secret(name: str, text: str) -> bool:
    """Whether `text` is the secret that `name` says it is, and not where to find it."""
    if not is_secret_name(name) or text.strip().lower() in _PLACEHOLDERS:
        return False
    if _REFERENCE.fullmatch(text) or _is_elsewhere(text) or _is_document(text):
        return False
    if _words(name) == ["secret"] and _OBJECT.fullmatch(text):
        return False
    if _SHORT_NUMBER.fullmatch(text) and not _is_password(_words(name)):
        return False
    return any(character.isalnum() for character in text)


def is_secret_name(name: str) -> bool:
    words = _words(name)
    if not words or not _SWITCHES.isdisjoint(words) or words[-3:] == _NAME_OF_CLUSTER:
        return False
    last, before = words[-1], words[-2] if len(words) > 1 else ""
    match last:
        case "secret":
            return before not in _NAMES_OF_SECRETS
        case "key" | "keys":
            return before in _KEYS
        case "tokens":
            return before in _BEFORE_TOKENS
        case "token":
            return before not in _TOKENS_OF_TEXT
        case "apikey" | "apikeys" | "credentials":
            return True
        case _:
            return _is_password(words)


def _is_password(words: list[str]) -> bool:
    """PGPASSWORD is one word."""
    if len(words) > 1 and words[-1] in _SHORT_PASSWORDS:
        return words[-2] not in _PASSES
    return bool(words) and words[-1].endswith(_PASSWORDS)


def _words(name: str) -> list[str]:
    """In lower case, without the number at the end of API_KEY_2."""
    words = [word.lower() for word in _WORD.findall(name[:200])]
    while words and words[-1].isdigit():
        words.pop()
    return words


def _is_elsewhere(text: str) -> bool:
    return _ELSEWHERE.fullmatch(text) is not None and _KEY_OF_AWS.fullmatch(text) is None


def _is_document(text: str) -> bool:
    """Settings of many fields, such as an entry `credentials` that says where each of them is."""
    stripped = text.strip()
    return "\n" in stripped or _MAP.fullmatch(stripped) is not None
