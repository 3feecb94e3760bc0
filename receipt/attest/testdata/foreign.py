"""Signs foreign/model with a new key. See README.md."""
import pathlib, shutil, tempfile
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
import model_signing

root = pathlib.Path("foreign")
shutil.rmtree(root, ignore_errors=True)
model = root / "model"
(model / "a").mkdir(parents=True)
(model / "config.json").write_text("{}\n")
(model / "a" / "weights").write_bytes(bytes(range(256)))
(model / "a.txt").write_text("sorts after a/weights by components, before it by bytes\n")
key = ec.generate_private_key(ec.SECP256R1())
(root / "key.pub").write_bytes(key.public_key().public_bytes(serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo))
with tempfile.TemporaryDirectory() as d:
    private = pathlib.Path(d) / "key"
    private.write_bytes(key.private_bytes(serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()))
    signature = model / "model.sig"
    model_signing.signing.Config().use_elliptic_key_signer(private_key=private).set_hashing_config(
        model_signing.hashing.Config().set_ignored_paths(paths=[signature], ignore_git_paths=True)
    ).sign(model, signature)
