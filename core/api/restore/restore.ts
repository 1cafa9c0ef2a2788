import { z } from "zod";
import { attachCreateSchema } from "./attach.ts";
import { cloneCreateSchema } from "./clone.ts";
import { rebuildCreateSchema } from "./rebuild.ts";
import { rollbackCreateSchema } from "./rollback.ts";

/** A person's wish to have something of a restore point back (W12). */
export const restoreCreateSchema = z.discriminatedUnion("type", [
  rebuildCreateSchema,
  rollbackCreateSchema,
  cloneCreateSchema,
  attachCreateSchema,
]);
