import { VisibleError } from "../../core/api/errors.ts";
import { type GroupId, groupIdSchema } from "../../core/api/ids.ts";
import { answerOf } from "../context/client.ts";
import type { Api } from "../context/context.ts";
import { latest } from "../input/options.ts";

interface Meant {
  readonly plan?: string | undefined;
  readonly site?: string | undefined;
  /** The option by which the command is told the site. */
  readonly siteFlag?: string;
}

/**
 * The group that is meant by an id, or by `latest` of a plan at a site. The API is asked
 * only for the latter.
 * @throws VisibleError BAD_REQUEST; GROUP_UNKNOWN where the plan has none there
 */
export const groupMeant = async (
  connect: () => Promise<Api>,
  group: string,
  { plan, site, siteFlag = "--site" }: Meant,
): Promise<GroupId> => {
  if (group !== latest) {
    if (plan === undefined) return groupIdSchema.parse(group);
    throw new VisibleError("BAD_REQUEST", "--plan says of which plan the latest group is; an id says it itself.", {
      hint: "Leave --plan out, or put latest in the place of the id.",
    });
  }
  if (plan === undefined || site === undefined) {
    throw new VisibleError("BAD_REQUEST", "The latest group is that of a plan at a site.", {
      hint: `Give both: latest --plan PLAN ${siteFlag} SITE`,
    });
  }
  const api = await connect();
  return (await answerOf(api.v1.plans[":plan"].groups.latest.$get({ param: { plan }, query: { site } }))).id;
};
