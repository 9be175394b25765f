"""No secret of a known shape is left anywhere in a text, and a text without one is left as it is."""

from __future__ import annotations

import string

import pytest
from hypothesis import given
from hypothesis import strategies as st

from torchup.tokens import HIDDEN, SHAPES, without_tokens

LETTERS = string.ascii_letters + string.digits


def letters(count: int, alphabet: str = LETTERS) -> st.SearchStrategy[str]:
    """Give what a service makes of chance: so long, and never without a digit."""
    return st.text(alphabet, min_size=count - 1, max_size=count + 20).map(lambda text: f"{text}7")


def exactly(prefix: str, count: int, alphabet: str = LETTERS) -> st.SearchStrategy[tuple[str, str]]:
    return st.text(alphabet, min_size=count, max_size=count).map(lambda secret: (f"{prefix}{secret}", secret))


def after(prefix: str, count: int, alphabet: str = LETTERS) -> st.SearchStrategy[tuple[str, str]]:
    return letters(count, alphabet).map(lambda secret: (f"{prefix}{secret}", secret))


def written(text: str, count: int = 8) -> st.SearchStrategy[tuple[str, str]]:
    return letters(count).map(lambda secret: (text.format(secret), secret))


# For each row of the table: texts that hold such a secret, and the part that must not be left.
EXAMPLES: dict[str, list[st.SearchStrategy[tuple[str, str]]]] = {
    "private key": [written("-----BEGIN OPENSSH PRIVATE KEY-----\n{}\n-----END OPENSSH PRIVATE KEY-----", 40),
                    written("-----BEGIN PRIVATE KEY-----\n{}", 40)],
    "login in a URL": [written("https://ann:{}@host.example/simple"), written("http://{}@host.example"),
                       written("https://ann:p@{}@host.example/x")],
    "argument of a URL": [written("https://h.example/a.whl?se=1&sig={}"), written("https://h.example/?X-Amz-Signature={}&a=1"),
                          written("http://h/?token={}"), written("http://h/?x-amz-security-token={}"),
                          written("http://h/?api_key={}#f"), written("http://h/?a=1;password={}")],
    "cookie": [written("Cookie: session={}"), written("< set-cookie: sid={}; Path=/")],
    "netrc": [written("machine h.example login ann password {}"), written("login ann account b password {}")],
    "conda channel": [written("https://conda.example/t/{}/channel", 12)],
    "Slack hook": [written("https://hooks.slack.com/services/T0/B0/{}", 24)],
    "header": [written("Authorization: Bearer {}"), written("authorization: Basic {}=="), written('"Authorization": "token {}"'),
               written("Proxy-Authorization: Negotiate {}")],
    "bearer": [written("sent Bearer {} to", 16), written("Basic {}== was refused", 16)],
    "Hugging Face": [after("hf_", 34), after("api_org_", 34)],
    "GitHub": [after(f"{kind}_", 36) for kind in ("ghp", "gho", "ghu", "ghs", "ghr")] + [after("github_pat_", 60, f"{LETTERS}_")],
    "GitLab": [after("glpat-", 20, f"{LETTERS}_-"), after("gldt-", 20)],
    "OpenAI, Anthropic": [after("sk-", 40), after("sk-proj-", 40, f"{LETTERS}_-"), after("sk-ant-api03-", 40, f"{LETTERS}_-")],
    "Stripe": [after("sk_live_", 24), after("rk_test_", 24)],
    "AWS": [exactly("AKIA", 16, string.ascii_uppercase + string.digits), exactly("ASIA", 16, string.ascii_uppercase + string.digits)],
    "Google": [exactly("AIza", 35, f"{LETTERS}_-"), after("ya29.", 40)],
    "JSON Web Token": [st.tuples(letters(20), letters(20), letters(30)).map(lambda s: (f"eyJ{s[0]}.eyJ{s[1]}.{s[2]}", s[1]))],
    "Slack": [after(f"{kind}-", 30, f"{LETTERS}-") for kind in ("xoxb", "xoxp", "xoxa", "xapp")],
    "npm": [after("npm_", 36)],
    "package index": [after("pypi-AgEIcHlwaS5vcmc", 40, f"{LETTERS}_-")],
    "NVIDIA": [after("nvapi-", 64, f"{LETTERS}_-")],
    "Docker": [after("dckr_pat_", 27, f"{LETTERS}_-")],
    "Databricks": [exactly("dapi", 32, "0123456789abcdef")],
    "DigitalOcean": [after("dop_v1_", 64, "0123456789abcdef")],
    "Replicate, Groq, Tailscale": [after("r8_", 37), after("gsk_", 52), after("tskey-auth-", 30)],
    "option": [written("--password {}"), written("--token={}"), written("login --api-key '{} with blanks'")],
    "assignment": [written("password={}"), written("passwd: {}"), written("HF_TOKEN={}"), written('"api_key": "{}"'),
                   written("secret = '{}'"), written("export WANDB_API_KEY={}"), written("aws_secret_access_key = {}"),
                   written("Token: {}"), written("MYSQL_PASSWORD='{} b'"), written("token='a {}'")],
}  # fmt: skip
ALL = st.one_of(*(example for examples in EXAMPLES.values() for example in examples))
BEFORE = st.sampled_from(["", " ", "\n", '"', "'", "(", ",", "; ", "error: ", "it was refused: ", "[", "\t", "x = "])
BEHIND = st.sampled_from(["", " ", "\n", '"', "'", ")", ",", "; ", ": refused", " was refused", "]", "\t"])

ORDINARY = (
    "torch==2.15.0+cu130 torchvision==0.29.2 nvidia-cublas-cu12==12.6.4.1 tokenizers==0.23.3 tiktoken==0.9.0",
    '{"tiktoken": "0.9.0", "tokenizers": "0.23.3", "secretstorage": "3.3.3", "keyring": "25.6.0"}',
    "sha256:9f86d081884c7d659a2feaa0c55ad015a3bf4f1b2b0b822cd15d6c15b0f00a08 --hash=sha256:9f86d081884c7d659a2feaa0",
    "/home/ann/.venvs/torch/lib/python3.12/site-packages/torch/lib/libtorch_cuda.so",
    "https://download.pytorch.org/whl/cu130/torch-2.15.0%2Bcu130-cp312-cp312-manylinux_2_28_x86_64.whl#sha256=9f86d0818",
    "scikit-learn sk-learn-contrib-projects-of-people task-1234567890123456789 disk-0123456789abcdef0123",
    "ssh://h.example/x git+https://h.example/x@v1.0 file:///srv/wheels a@b.example python@3.12",
    "PWD=/home/ann PATH=/usr/bin: LD_LIBRARY_PATH=:/opt/x CUDA_VISIBLE_DEVICES=0 XDG_SESSION_ID=3",
    "This is basic understanding. The bearer comes first. A token does not belong into answers; no password, please.",
    "GPU-5d4e2c6a-9b1f-4c3d-8e7f-0123456789ab NVIDIA GeForce RTX 4090 580.65.06 gpt_neox hf_transfer hf-xet github_actions",
    "mail me@h.example at /opt/a@b",
    "glibc 2.39, glpk-dev, npm install, docker run, eyJ, AKIA, xoxo-hugs, dockerd dapi",
    "CUDA error: no kernel image is available for execution on the device (cudaErrorNoKernelImageForDevice)",
)


def test_every_row_has_an_example() -> None:
    assert set(EXAMPLES) == {shape.name for shape in SHAPES}


@pytest.mark.parametrize("name", EXAMPLES)
def test_each_row_is_needed_and_enough(name: str) -> None:
    (shape,) = (shape for shape in SHAPES if shape.name == name)

    @given(st.one_of(*EXAMPLES[name]))
    def alone(example: tuple[str, str]) -> None:
        text, secret = example
        assert any(sign in text.lower() for sign in shape.signs)
        assert secret not in shape.pattern.sub(HIDDEN, text)

    alone()


@given(st.lists(st.tuples(BEFORE, ALL, BEHIND), min_size=1, max_size=4))
def test_no_secret_is_left(parts: list[tuple[str, tuple[str, str], str]]) -> None:
    text = " ".join(f"{before}{text}{behind}" for before, (text, _), behind in parts)
    clean = without_tokens(text)
    for _, (_, secret), _ in parts:
        assert secret not in clean, clean
    assert without_tokens(clean) == clean


@pytest.mark.parametrize("text", ORDINARY)
def test_ordinary_text_is_left_alone(text: str) -> None:
    assert without_tokens(text) == text


@pytest.mark.parametrize(
    ("text", "clean"),
    [
        ("see https://me:pw@h.example/s?a=1", "see https://****@h.example/s?a=1"),
        ("GET https://h.example/s?token=abc&x=1#f", "GET https://h.example/s?token=****&x=1#f"),
        ("http://user@h/", "http://****@h/"),
        ("export HF_TOKEN='hf x' # mine", "export HF_TOKEN=**** # mine"),
        ('{"password": "a", "user": "b"}', '{"password": ****, "user": "b"}'),
    ],
)
def test_what_stands_around_a_secret_stays(text: str, clean: str) -> None:
    assert without_tokens(text) == clean


@given(st.from_regex(r"[a-z][a-z0-9]{2,12}(-[a-z0-9]{2,8}){0,3}==[0-9]{1,2}(\.[0-9]{1,3}){1,3}", fullmatch=True))
def test_a_pin_is_left_alone(text: str) -> None:
    assert without_tokens(text) == text


@given(st.binary(min_size=20, max_size=64).map(bytes.hex))
def test_a_digest_is_left_alone(digest: str) -> None:
    assert without_tokens(f"sha256:{digest} #sha256={digest} {digest}") == f"sha256:{digest} #sha256={digest} {digest}"
