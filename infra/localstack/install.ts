import { installPythonProgram } from "../python-program.ts";
import { cachedLocalstack, localstackVersion, publishedBefore } from "./program.ts";
import { findPython, pythonMissing } from "./python.ts";

/*
 * Puts LocalStack, an emulator of AWS, into the project's cache: without its DynamoDB,
 * which is no open source.
 */
const python = findPython();
if (python === undefined) {
  process.stderr.write(`${pythonMissing}\n`);
  process.exitCode = 1;
} else {
  installPythonProgram({
    title: "LocalStack",
    python,
    dir: cachedLocalstack.dir,
    package: "localstack-core",
    extras: "[runtime]",
    version: localstackVersion,
    publishedBefore,
    check: (run) => run(cachedLocalstack.command, "-c", "import localstack.runtime.main"),
  });
}
