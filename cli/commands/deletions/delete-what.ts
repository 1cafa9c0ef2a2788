import type { DeletionPreview } from "../../../core/api/deletion/preview.ts";
import type { DeletionWish } from "../../../core/api/deletion/request.ts";
import type { SpaceAnswer } from "../../../core/api/deletion/space.ts";
import { answerOf } from "../../context/client.ts";
import { isToBeDeleted, isTyped, nothingDeleted } from "../../context/confirm.ts";
import type { Answer, Api, Context } from "../../context/context.ts";
import { askedFor, followRun } from "../../control-plane/follow-run.ts";
import { shownGoing } from "../../json/deletion.ts";
import { deletionText } from "../../render/deletion/preview.ts";
import { printable } from "../../render/style.ts";

/** What every command that deletes by hand has. */
export interface DeletionOptions {
  readonly yes: boolean;
  readonly dryRun: boolean;
  readonly wait: boolean;
  readonly despiteKeepUntil: boolean;
}

/** What is deleted, as a question goes on; `word`: what is to be typed instead of a yes. */
interface Asked {
  readonly what: string;
  readonly word?: string;
}

/**
 * Shows what would go, asks unless told not to, and has just that deleted. With `dryRun` it is only
 * shown.
 */
export const deleteWhat = async (
  context: Context,
  api: Api,
  wish: DeletionWish,
  asked: (preview: DeletionPreview) => Asked,
  options: Omit<DeletionOptions, "despiteKeepUntil">,
): Promise<Answer> => {
  const preview = await answerOf(api.v1.deletions.preview.$post({ json: wish }));
  const spaces = await spacesOf(context, api, preview);
  const text = deletionText(preview, spaces, { style: context.style, now: new Date().toISOString() });
  const going = shownGoing(preview, spaces);
  if (options.dryRun) return { json: { going, run: null }, text: `${text}\n\nThat would go. Nothing was deleted.` };
  if (!options.yes) {
    context.host.stderr.write(`${text}\n\n`);
    if (!(await isWanted(context, asked(preview)))) return nothingDeleted;
  }
  const { confirmation } = preview;
  const asking = answerOf(api.v1.deletions.$post({ json: { wish, confirmation } }));
  const { run } = await askedFor(context, asking, `smtx-backup run list --plan ${preview.planId}`);
  if (run === null) return { json: { going, run: null }, text: "There was nothing at any site." };
  if (options.wait) return followRun(context, api, run.id);
  const begun = `${run.id} deletes it. See: smtx-backup run show ${run.id}`;
  return { json: { going, run: run.id }, text: options.yes ? `${text}\n\n${begun}` : begun };
};

const isWanted = ({ host }: Context, { what, word }: Asked): Promise<boolean> =>
  word === undefined ? isToBeDeleted(host, what, []) : isTyped(host, what, printable(word));

/** So long is waited for sites to say how much space it gives back. */
const waitMs = 10_000;
const pollMs = 250;

const spacesOf = async ({ host }: Context, api: Api, { sites }: DeletionPreview): Promise<readonly SpaceAnswer[]> => {
  const read = () =>
    Promise.all(
      sites.map(({ siteId: site, spaceQuestion: question }) =>
        answerOf(api.v1.deletions.space[":site"][":question"].$get({ param: { site, question } })),
      ),
    );
  const untilMs = host.time.nowMs() + waitMs;
  for (;;) {
    const spaces = await read();
    if (spaces.every(({ state }) => state !== "asked") || host.time.nowMs() >= untilMs) return spaces;
    await host.time.sleep(pollMs, host.signal);
    host.signal.throwIfAborted();
  }
};
