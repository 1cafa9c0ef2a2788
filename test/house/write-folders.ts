import { readFileSync, writeFileSync } from "node:fs";
import { foldersWithSentences, folderTable, pageFile, problemOf, withFolderTable } from "./folders.ts";

/*
 * npm run docs:folders: makes the table of folders in ARCHITECTURE.md anew, of the
 * folders' own sentences.
 */
const folders = foldersWithSentences();
const problems = folders.flatMap((folder) => problemOf(folder) ?? []);
for (const problem of problems) process.stderr.write(`${problem}\n`);
if (problems.length > 0) process.exitCode = 1;
else writeFileSync(pageFile, withFolderTable(readFileSync(pageFile, "utf8"), folderTable(folders)));
