import { installPythonProgram } from "../python-program.ts";
import { cachedMinistack, ministackVersion } from "./program.ts";

/* Puts ministack, an emulator of AWS, into the project's cache. */
installPythonProgram({
  title: "ministack",
  dir: cachedMinistack.dir,
  package: "ministack",
  version: ministackVersion,
  check: (run) => run(`${cachedMinistack.dir}/bin/python`, "-c", "import ministack"),
});
