import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

export const root = fileURLToPath(new URL("../..", import.meta.url));

/** Every TypeScript file that is or could be committed, by its path from the root. */
export const sources = (): readonly string[] =>
  execFileSync("git", ["ls-files", "--cached", "--others", "--exclude-standard", "*.ts"], { cwd: root })
    .toString()
    .split("\n")
    .filter((file) => file.includes("/") && existsSync(join(root, file)));

/** Not what users get: tests, and what only tests read. As tsconfig.build.json has it. */
export const isForTests = (file: string): boolean =>
  /^(test|bench)\/|\.(test|conformance)\.ts$|\/testing(\/|\.ts$|-)|\/conformance(\/|\.ts$)/.test(file);

/** The folders that a file lies in, the nearest first. */
const foldersOf = (file: string): readonly string[] => {
  const folder = dirname(file);
  return folder === "." ? [] : [folder, ...foldersOf(folder)];
};

/** Every folder that has sources in it or below it. */
export const sourceFolders = (): readonly string[] => [...new Set(sources().flatMap(foldersOf))].sort();
