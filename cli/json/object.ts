import type { z } from "zod";
import { type ObjectConfig, objectConfigSchema } from "../../core/api/object.ts";

/**
 * A volume has one id on a command line and in what is printed: that of the LUN, the file or the
 * volume that it is. Clusters also number what lies below a LUN or a file; that number stays
 * between them and the gateways.
 */
export const shownObject = <O extends ObjectConfig>(object: O): O => {
  const [only, ...others] = object.volumes;
  if (object.kind === "vm" || only === undefined || others.length > 0) return object;
  return { ...object, volumes: [{ ...only, id: object.id }] };
};

export const objectDocument: z.ZodType<ObjectConfig> = objectConfigSchema;
