"""A build backend (PEP 517) that packs answer.py as a wheel."""

import os
import zipfile

NAME = "answer-1.0"
INFO = {
    "METADATA": "Metadata-Version: 2.1\nName: answer\nVersion: 1.0\n",
    "WHEEL": "Wheel-Version: 1.0\nGenerator: backend\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
}


def prepare_metadata_for_build_wheel(metadata_directory, config_settings=None):
    folder = NAME + ".dist-info"
    os.mkdir(metadata_directory + "/" + folder)
    for name, text in INFO.items():
        with open(metadata_directory + "/" + folder + "/" + name, "w") as file:
            file.write(text)
    return folder


def build_wheel(wheel_directory, config_settings=None, metadata_directory=None):
    wheel = NAME + "-py3-none-any.whl"
    files = {NAME + ".dist-info/" + name: text for name, text in INFO.items()}
    with zipfile.ZipFile(wheel_directory + "/" + wheel, "w") as archive:
        archive.write("answer.py")
        for name, text in files.items():
            archive.writestr(name, text)
        record = ["answer.py", *files, NAME + ".dist-info/RECORD"]
        archive.writestr(NAME + ".dist-info/RECORD", "".join(name + ",,\n" for name in record))
    return wheel
