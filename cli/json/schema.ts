import { z } from "zod";
import { documents } from "./documents.ts";

/** The form in which instants are printed. */
export const instantPattern = "^\\d{4}-\\d\\d-\\d\\dT\\d\\d:\\d\\d:\\d\\dZ$";

/**
 * The JSON Schema of what a command prints with `--json`. Undefined: the command prints no such
 * document, or is not there.
 * @param path `plan list`
 */
export const jsonSchemaOf = (path: string) => {
  const document = Object.hasOwn(documents, path) ? documents[path] : undefined;
  return document ? printedForm(document) : undefined;
};

const printedForm = (schema: z.ZodType) =>
  z.toJSONSchema(schema, {
    override: ({ zodSchema, jsonSchema }) => {
      if (!isInstant(zodSchema)) return;
      delete jsonSchema.format;
      jsonSchema.pattern = instantPattern;
    },
  });

const isInstant = (schema: z.core.$ZodType): boolean =>
  "format" in schema._zod.def && schema._zod.def.format === "datetime";
