"""Key pairs for the tests, made once, and their public halves as an issuer would publish them."""

import json
from typing import Any

from cryptography.hazmat.primitives.asymmetric import rsa
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from jwt.algorithms import OKPAlgorithm, RSAAlgorithm

RSA = rsa.generate_private_key(65_537, 2_048)
SMALL_RSA = rsa.generate_private_key(65_537, 1_024)
ED25519 = Ed25519PrivateKey.generate()


def pem(key: Any) -> bytes:
    """The public half as PEM."""
    return key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


def private_pem(key: Any) -> bytes:
    """The half that nobody should give away."""
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def entry(key: Any, **fields: Any) -> dict[str, Any]:
    """The public half as one entry of a JWKS."""
    algorithm: Any = RSAAlgorithm if isinstance(key, rsa.RSAPrivateKey) else OKPAlgorithm
    return {**algorithm.to_jwk(key.public_key(), as_dict=True), **fields}


def jwk(key: Any, **fields: Any) -> bytes:
    """A JWKS with this key alone."""
    return jwks(entry(key, **fields))


def jwks(*entries: dict[str, Any]) -> bytes:
    return json.dumps({"keys": entries}).encode()
