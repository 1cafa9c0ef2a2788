import assert from "node:assert/strict";
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { test } from "node:test";
import { findPython } from "./python.ts";

test("a Python 3.13 is found on the search path, or where pyenv has it behind a shim that fails, or not at all", (t) => {
  const dir = mkdtempSync(join(tmpdir(), "smtx-backup-python-"));
  t.after(() => rmSync(dir, { recursive: true }));
  const program = (path: string, code: number): string => {
    const file = join(dir, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, `#!/bin/sh\nexit ${code}\n`);
    chmodSync(file, 0o755);
    return file;
  };
  const env = { PATH: join(dir, "bin"), PYENV_ROOT: join(dir, "pyenv") };
  assert.equal(findPython(env), undefined);
  program("bin/python3.13", 127);
  program("bin/python3", 1);
  program("pyenv/versions/3.13.9/bin/python3.13", 1);
  assert.equal(findPython(env), undefined);
  const behind = program("pyenv/versions/3.13.10/bin/python3.13", 0);
  assert.equal(findPython(env), behind);
  program("bin/python3", 0);
  assert.equal(findPython(env), "python3");
  program("bin/python3.13", 0);
  assert.equal(findPython(env), "python3.13");
});
