#!/usr/bin/env python3
"""Compares what this program writes with what public tools accept, and the other way.

  pip install model_signing in-toto-attestation 'securesystemslib[crypto]' 'cyclonedx-python-lib[validation]'

  validate.py check DIR KEY.pub   # DIR: made by convert --attest --sign KEY, an ECDSA P-256 key
  validate.py sign DIR KEY        # model_signing signs DIR

Exits with 1, and a line that says why, where one of them refuses.
"""

import base64
import importlib.metadata
import json
import pathlib
import sys

import model_signing
from cryptography.hazmat.primitives.serialization import load_pem_public_key
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator
from google.protobuf import json_format
from in_toto_attestation.predicates.provenance.v1 import provenance_pb2
from in_toto_attestation.v1 import statement, statement_pb2
from securesystemslib.dsse import Envelope
from securesystemslib.signer import SSlibKey


def check_signature(directory, key):
    model_signing.verifying.Config().use_elliptic_key_verifier(public_key=key).verify(directory, directory / "model.sig")


def check_provenance(directory, key):
    document = json.loads((directory / "provenance.json").read_text())
    envelope = Envelope.from_dict(document)
    trusted = [SSlibKey.from_crypto(load_pem_public_key(key.read_bytes()), keyid) for keyid in envelope.signatures]
    envelope.verify(trusted, len(trusted))
    message = json_format.Parse(envelope.payload, statement_pb2.Statement())  # refuses fields that it does not know
    statement.Statement.copy_from_pb(message).validate()
    assert message.predicate_type == "https://slsa.dev/provenance/v1", message.predicate_type
    predicate = json_format.ParseDict(json_format.MessageToDict(message.predicate), provenance_pb2.Provenance())
    assert predicate.build_definition.build_type and predicate.run_details.builder.id


def check_bom(directory, key):
    errors = JsonStrictValidator(SchemaVersion.V1_6).validate_str((directory / "bom.cdx.json").read_text())
    if errors:
        raise ValueError(errors)


def main():
    verb, directory, key = sys.argv[1], pathlib.Path(sys.argv[2]), pathlib.Path(sys.argv[3])
    if verb == "sign":
        model_signing.signing.Config().use_elliptic_key_signer(private_key=key).sign(directory, directory / "model.sig")
        return 0
    failed = 0
    for check in check_signature, check_provenance, check_bom:
        try:
            check(directory, key)
        except Exception as e:  # of whatever kind the tool has
            print(f"{check.__name__}: {type(e).__name__}: {str(e)[:300]}")
            failed = 1
    if not failed:
        names = "model-signing", "in-toto-attestation", "securesystemslib", "cyclonedx-python-lib"
        print("accepted by", ", ".join(f"{name} {importlib.metadata.version(name)}" for name in names))
    return failed


sys.exit(main())
