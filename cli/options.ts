import { InvalidArgumentError, Option } from "commander";
import type { z } from "zod";
import { groupIdSchema, runIdSchema, siteIdSchema } from "../core/api/ids.ts";
import { objectKindSchema } from "../core/api/object/common.ts";

/** A parser for an option's or an argument's value. What the schema refuses is bad usage (exit code 2). */
export const checkedBy =
  <T>(schema: z.ZodType<T>) =>
  (value: string): T => {
    const { data, error } = schema.safeParse(value);
    if (error !== undefined) throw new InvalidArgumentError(error.issues.map(({ message }) => message).join("; "));
    return data;
  };

export const siteOption = (description: string) =>
  new Option("--site <site>", description).argParser(checkedBy(siteIdSchema));

export const storeOption = () =>
  new Option("--store <dir>", "the site's extentstore, where there is no local environment on this host");

export const kindOption = (description: string) =>
  new Option("--kind <kind>", description).choices(objectKindSchema.options);

export const runId = checkedBy(runIdSchema);
export const groupId = checkedBy(groupIdSchema);

/** A whole number from `min` to `max`. */
export const wholeNumber =
  (min: number, max: number) =>
  (value: string): number => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`A whole number from ${min} to ${max}, please.`);
  };
