import { existsSync } from "node:fs";
import { mkdtemp } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";

const memory = "/dev/shm";

/**
 * Makes a folder, in memory where Linux has that: for what makes thousands of commits and need not
 * outlive the test.
 */
export const memoryDir = (name: string): Promise<string> =>
  mkdtemp(join(existsSync(memory) ? memory : tmpdir(), `${name}-`));
