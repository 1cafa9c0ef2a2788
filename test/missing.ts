import { missingText } from "../infra/local/demo/missing.ts";
import { tools } from "./tools.ts";

/* Says once, before the tests, what they can't try here: they leave it out without a word then. */
const missing = await missingText(tools);
if (missing !== undefined) process.stdout.write(`${missing}\n\n`);
