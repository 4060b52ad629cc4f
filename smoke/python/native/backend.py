"""A build backend (PEP 517) of the least size: compiles answer.c for the Python that runs it, packs it as a wheel."""

import subprocess
import sysconfig
import zipfile

NAME = "answer-1.0"
METADATA = "Metadata-Version: 2.1\nName: answer\nVersion: 1.0\n"
WHEEL = "Wheel-Version: 1.0\nGenerator: backend\nRoot-Is-Purelib: false\nTag: py3-none-any\n"


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    module = "answer" + sysconfig.get_config_var("EXT_SUFFIX")
    compiled = wheel_directory + "/" + module
    subprocess.check_call(["gcc", "-shared", "-fPIC", "-I" + sysconfig.get_path("include"), "-o", compiled, "answer.c"])
    wheel = NAME + "-py3-none-any.whl"
    info = NAME + ".dist-info/"
    with zipfile.ZipFile(wheel_directory + "/" + wheel, "w") as archive:
        archive.write(compiled, module)
        archive.writestr(info + "METADATA", METADATA)
        archive.writestr(info + "WHEEL", WHEEL)
        archive.writestr(
            info + "RECORD", "".join(name + ",,\n" for name in (module, info + "METADATA", info + "WHEEL"))
        )
    return wheel
