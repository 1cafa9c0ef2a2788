import type { Command } from "commander";
import { answerOf } from "../context/client.ts";
import { followRun, readRun, showRun, showWholeRun } from "../control-plane/follow-run.ts";
import { addNotes } from "../help/notes.ts";
import { runId, sinceOption, siteOption } from "../input/options.ts";
import type { Answering } from "./command.ts";
import { limitOption, listRuns, sinceUnlessTold } from "./run-list.ts";

const columnsNotes = `EXTENTS are the pieces that the volumes are compared in: of UNCHANGED ones the target has the content already, HOLES
were never written, and the others are read. CHANGED is the content of these that differed, SENT what went over the
wire for it, compressed, and RATIO how many times less that is.`;

const idText = "the run's id";

export const addRunCommands = (program: Command, answering: Answering): void => {
  const run = program.command("run").description("executions of plans, and restores");
  run
    .command("list")
    .description("list runs, restores and skipped slots of all plans or of one, the newest first")
    .option("--plan <plan>", "only this plan's, by its name or id")
    .addOption(siteOption("only runs from or to this site"))
    .addOption(sinceOption(`only those since then; of all plans, ${sinceUnlessTold} unless told`))
    .addOption(limitOption())
    .action(answering(listRuns));
  const show = run
    .command("show")
    .description("show a run: how far each target and each object is, what it waits for, and what is to be known of it")
    .argument("<run>", idText, runId)
    .option("--watch", "go on showing it until it has ended; exit code 1 when it failed", false)
    .action(
      answering(async (context, id: string, { watch }: { watch: boolean }) => {
        const api = await context.connect();
        // Only an API that has answered once is waited for when it is away.
        const now = await readRun(api, id);
        return watch ? followRun(context, api, id) : showWholeRun(context, api, now);
      }),
    );
  addNotes(show, columnsNotes);
  run
    .command("redrive")
    .description("take in once more the reports about a run that could not be taken in")
    .argument("<run>", idText, runId)
    .action(
      answering(async (context, id: string) => {
        const api = await context.connect();
        const answer = await answerOf(api.v1.runs[":run"].redrive.$post({ param: { run: id } }));
        return showRun(context, answer);
      }),
    );
  run
    .command("cancel")
    .description("cancel what has not ended of a run")
    .argument("<run>", idText, runId)
    .action(
      answering(async (context, id: string) => {
        const api = await context.connect();
        const cancelled = await answerOf(api.v1.runs[":run"].cancel.$post({ param: { run: id } }));
        return showRun(context, cancelled);
      }),
    );
};
