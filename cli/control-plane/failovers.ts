import { VisibleError } from "../../core/api/errors.ts";
import type { FailoverAnswer } from "../../core/api/failover/answer.ts";
import { type FailoverId, failoverIdSchema } from "../../core/api/ids.ts";
import { answerOf } from "../context/client.ts";
import type { Api, Context } from "../context/context.ts";
import { printable } from "../render/style.ts";
import { listed } from "./pages.ts";

export const readFailover = (api: Api, failover: FailoverId): Promise<FailoverAnswer> =>
  answerOf(api.v1.failovers[":failover"].$get({ param: { failover } }));

/** All of a plan, the newest first; of all plans, plan by plan. */
export const listFailovers = (context: Context, api: Api, plan?: string): Promise<readonly FailoverAnswer[]> =>
  listed(context, (page) =>
    answerOf(api.v1.failovers.$get({ query: { ...page, ...(plan !== undefined && { plan }) } })),
  );

/**
 * The failover that is meant: by its id; of a plan the newest, or its newest test.
 * @throws VisibleError FAILOVER_UNKNOWN
 */
export const failoverMeant = async (
  context: Context,
  api: Api,
  planOrId: string,
  { test }: { readonly test: boolean },
): Promise<FailoverId> => {
  const id = failoverIdSchema.safeParse(planOrId);
  if (id.success) return id.data;
  const found = (await listFailovers(context, api, planOrId)).find(({ kind }) => (kind === "test") === test);
  if (found !== undefined) return found.id;
  const what = test ? "no test of a failover" : "not been failed over";
  throw new VisibleError("FAILOVER_UNKNOWN", `The plan “${printable(planOrId)}” has ${what}.`, {
    hint: `List failovers${test ? "" : ", and tests of them,"} with: smtx-backup failover list`,
  });
};
