import { VisibleError } from "../../core/api/errors.ts";
import { shownName } from "../../core/api/name.ts";
import type { Origin } from "../../core/api/object/common.ts";
import type { ObjectConfig } from "../../core/api/object.ts";
import { kindNames } from "./kind-names.ts";

type Originated = Pick<ObjectConfig, "kind" | "id" | "name" | "origin">;

export const isMirror = ({ origin }: Pick<ObjectConfig, "origin">): boolean => origin?.role === "mirror";

/** The plan's name, or its id where its cluster has not kept that. */
export const foreignPlan = ({ planName, planId }: Origin): string =>
  planName === undefined ? planId : shownName(planName);

/** `, a mirror from site a by plan nightly`; empty of what is nobody's. */
export const originNote = ({ origin }: Pick<ObjectConfig, "origin">): string => {
  if (origin === undefined) return "";
  const what = origin.role === "mirror" ? "a mirror" : "rebuilt";
  const restore = origin.restoreId === undefined ? "" : ` in ${origin.restoreId}`;
  return `, ${what} from site ${origin.siteId} by plan ${foreignPlan(origin)}${restore}`;
};

/** What a mirror is, and what to do instead of changing it (W8), in lines. */
export const mirrorText = ({ kind, id, name, origin }: Originated, site: string) => {
  const plan = origin === undefined ? "PLAN" : foreignPlan(origin);
  const from = origin === undefined ? "" : ` of site ${origin.siteId}`;
  return {
    message: `The ${kindNames[kind]} “${shownName(name)}” (${id}) is the mirror that plan ${plan}${from} keeps here: nobody else changes or uses it.`,
    hint: [
      "Change the original, or use what a restore point holds:",
      `  smtx-backup group list --plan ${plan} --site ${site}`,
      `  smtx-backup rebuild GROUP --site ${site}`,
    ],
  };
};

const oneLine = (object: Originated, site: string) => {
  const { message, hint } = mirrorText(object, site);
  const [first = "", ...commands] = hint;
  return { message, hint: `${first} ${commands.map((command) => command.trim()).join(", and ")}` };
};

export const objectIsMirror = (object: Originated, site: string): VisibleError => {
  const { message, hint } = oneLine(object, site);
  return new VisibleError("OBJECT_IS_MIRROR", message, { hint });
};

export const volumeIsMirror = (object: Originated, site: string): VisibleError => {
  const { message, hint } = oneLine(object, site);
  return new VisibleError("VOLUME_IS_MIRROR", message, { hint });
};
