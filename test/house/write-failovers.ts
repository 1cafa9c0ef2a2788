import { readFileSync, writeFileSync } from "node:fs";
import { failoverDocumentation, withFailoverTable } from "./failovers.ts";
import { pageFile } from "./folders.ts";

/* npm run docs:failovers: makes the table of failovers in ARCHITECTURE.md anew, of the code. */
writeFileSync(pageFile, withFailoverTable(readFileSync(pageFile, "utf8"), failoverDocumentation()));
