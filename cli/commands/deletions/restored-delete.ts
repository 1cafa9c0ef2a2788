import type { RunId, SiteId } from "../../../core/api/ids.ts";
import type { Answer, Context } from "../../context/context.ts";
import { printable } from "../../render/style.ts";
import { type DeletionOptions, deleteWhat } from "./delete-what.ts";

interface RestoredOptions extends Omit<DeletionOptions, "despiteKeepUntil"> {
  readonly site: SiteId;
  readonly restore: RunId;
}

/** What a restore has made at a site: one of it, or all. */
export const deleteRestored = async (
  context: Context,
  name: string | undefined,
  { site: siteId, restore: restoreId, ...options }: RestoredOptions,
): Promise<Answer> =>
  deleteWhat(
    context,
    await context.connect(),
    { type: "restored", restoreId, siteId, ...(name !== undefined && { objects: [name] }) },
    () => ({
      what: name === undefined ? `all that ${restoreId} made at ${siteId}` : `${printable(name)} at ${siteId}`,
    }),
    options,
  );
