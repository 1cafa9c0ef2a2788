import type { RunAnswer, RunObject } from "../../core/api/answers.ts";
import { answerOf } from "../context/client.ts";
import type { Api, Context } from "../context/context.ts";
import { type AtTarget, objectsNeeded } from "../render/run-objects.ts";
import { listed, listedUpTo } from "./pages.ts";

/** A run's objects: all of them at its first target, and those that are shown at the others. */
export const readRunObjects = async (context: Context, api: Api, run: RunAnswer): Promise<readonly AtTarget[]> => {
  const at: AtTarget[] = [];
  for (const { site, endedAt } of run.targets) {
    const read = (query: { limit: string; cursor?: string }) =>
      answerOf(api.v1.runs[":run"].objects.$get({ param: { run: run.id }, query: { ...query, target: site } }));
    const [first] = at;
    const objects: readonly RunObject[] =
      first === undefined
        ? await listed(context, read)
        : (await listedUpTo(context, read, objectsNeeded(first.objects))).items;
    at.push({ site, hasEnded: endedAt !== null, objects });
  }
  return at;
};
