import { readdir, readFile } from "node:fs/promises";

/** The processes that a process has started, and what those have started, as `/proc` knows them. */
export const descendantsOf = async (pid: number): Promise<readonly number[]> => {
  const parents = await parentsOfAll();
  const found: number[] = [];
  for (let generation = [pid]; generation.length > 0; ) {
    generation = parents.filter(([, parent]) => generation.includes(parent)).map(([child]) => child);
    found.push(...generation);
  }
  return found;
};

const parentsOfAll = async (): Promise<readonly (readonly [pid: number, parent: number])[]> => {
  const pids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const stats = await Promise.all(pids.map((pid) => readFile(`/proc/${pid}/stat`, "utf8").catch(() => undefined)));
  // After the name in brackets, which may hold anything, come the state and the parent.
  return stats.flatMap((stat, i) => {
    const parent = stat?.slice(stat.lastIndexOf(")") + 2).split(" ")[1];
    return parent === undefined ? [] : [[Number(pids[i]), Number(parent)] as const];
  });
};
