import { type Case, rivalCase } from "./cases/cases.ts";
import { type Measurement, medianOf } from "./measure/measurement.ts";
import type { Ours } from "./ours/ours.ts";
import { ourName, type Result } from "./results.ts";
import type { Rival } from "./rivals/rival.ts";

/**
 * Measures every case with every tool, one after the other. A rival that does the same for two
 * cases does it once, under the first one's name, also when only the second was asked for.
 */
export const measureAll = async (options: {
  readonly cases: readonly Case[];
  readonly runs: number;
  readonly ours: Pick<Ours, "measure">;
  readonly rivals: readonly Rival[];
  readonly say: (text: string) => void;
}): Promise<readonly Result[]> => {
  const { runs, ours, rivals, say } = options;
  const results: Result[] = [];
  const measure = async (name: string, tool: string, once: () => Promise<Measurement>) => {
    if (results.some((result) => result.case === name && result.tool === tool)) return;
    const measured: Measurement[] = [];
    for (let run = 0; run < runs; run++) measured.push(await once());
    const result = { case: name, tool, ...medianOf(measured), runs: measured };
    results.push(result);
    say(`${name}, ${tool}: ${result.wallSeconds.toFixed(2)} s`);
  };
  for (const wanted of options.cases) {
    await measure(wanted.name, ourName, () => ours.measure(wanted));
    const theirs = rivalCase(wanted);
    if (theirs === undefined) continue;
    for (const rival of rivals) await measure(theirs.name, rival.name, () => rival.measure(theirs.workload));
  }
  return results;
};
