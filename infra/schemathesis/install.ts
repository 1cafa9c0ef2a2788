import { installPythonProgram } from "../python-program.ts";
import { cachedSchemathesis, publishedBefore, schemathesisVersion } from "./program.ts";

/* Puts schemathesis into the project's cache. */
installPythonProgram({
  title: "schemathesis",
  dir: cachedSchemathesis.dir,
  package: "schemathesis",
  version: schemathesisVersion,
  publishedBefore,
  check: (run) => run(cachedSchemathesis.command, "--version"),
});
