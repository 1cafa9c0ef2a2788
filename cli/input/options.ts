import { InvalidArgumentError, Option } from "commander";
import { z } from "zod";
import { groupIdSchema, runIdSchema, siteIdSchema } from "../../core/api/ids.ts";
import { objectKindSchema } from "../../core/api/object/common.ts";
import { sinceSchema } from "../../core/api/since.ts";

/**
 * A parser for an option's or an argument's value. What the schema refuses is bad
 * usage (exit code 2).
 */
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

/** What stands for a plan's newest group at a site. */
export const latest = "latest";
/** A group's id, or `latest`. */
export const groupOrLatest = checkedBy(
  z.string().refine((text) => text === latest || groupIdSchema.safeParse(text).success, {
    error: "a group's id, such as group_01K0Z3NDEKTSV4RRFFQ69G5FAV_20260301T010000000Z, or latest",
  }),
);
export const groupText = "the group's id, of: smtx-backup group list; or latest, with --plan and --site";

/** Of which plan `latest` is. */
export const latestOfOption = () => new Option("--plan <plan>", "of which plan `latest` is, by its name or id");

export const sinceOption = (description: string) =>
  new Option(
    "--since <time>",
    `${description}: so long ago (90m, 24h, 7d, 2w), or a day or time ("2026-03-01 01:00"), in UTC unless it names its zone`,
  ).argParser(checkedBy(sinceSchema));

/** A whole number from `min` to `max`. */
export const wholeNumber =
  (min: number, max: number) =>
  (value: string): number => {
    const number = /^\d+$/.test(value) ? Number(value) : Number.NaN;
    if (number >= min && number <= max) return number;
    throw new InvalidArgumentError(`A whole number from ${min} to ${max}, please.`);
  };
