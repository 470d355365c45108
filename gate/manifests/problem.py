"""Why manifests could not be read: one message that names file, document and line."""


class ManifestError(Exception):
    """Input that nobody may judge, because it cannot be read whole.

    `document` counts from 1 within its file, lines too; None where there is none to name.
    """

    def __init__(
        self, file: str, why: str, *, document: int | None = None, line: int | None = None
    ) -> None:
        self.file = file
        self.why = why
        self.document = document
        self.line = line
        where = file if line is None else f"{file}:{line}"
        part = "" if document is None else f"document {document}: "
        super().__init__(f"{where}: {part}{why}")
