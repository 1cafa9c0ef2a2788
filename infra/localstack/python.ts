import { execFileSync } from "node:child_process";
import { globSync } from "node:fs";
import { homedir } from "node:os";

const check = "import sys, venv, ensurepip; sys.exit(sys.version_info[:2] != (3, 13))";

const isGood = (command: string, env: NodeJS.ProcessEnv): boolean => {
  try {
    execFileSync(command, ["-c", check], { env, stdio: "ignore", timeout: 30_000 });
    return true;
  } catch {
    return false;
  }
};

/**
 * A Python 3.13 with venv: `python3.13` or `python3` of the search path, or one that pyenv has
 * installed, since its shim is on the search path whether or not a version is chosen. Undefined
 * where there is none. With 3.11 LocalStack is installed, and fails at its first call.
 */
export const findPython = (env: NodeJS.ProcessEnv = process.env): string | undefined => {
  const pyenv = env["PYENV_ROOT"] ?? `${homedir()}/.pyenv`;
  const candidates = ["python3.13", "python3", ...globSync(`${pyenv}/versions/3.13*/bin/python3.13`)];
  return candidates.find((command) => isGood(command, env));
};

/** What to say where there is none. */
export const pythonMissing =
  "LocalStack was NOT TESTED: it needs Python 3.13 with venv, and there is none here, neither on the search path nor by pyenv.";
