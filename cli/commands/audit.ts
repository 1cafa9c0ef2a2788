import type { Command } from "commander";
import type { AuditEntry } from "../../core/api/audit.ts";
import { answerOf } from "../context/client.ts";
import { listedUpTo, moreText } from "../control-plane/pages.ts";
import { wholeNumber } from "../input/options.ts";
import { table } from "../render/table.ts";
import { instantText } from "../render/units.ts";
import type { Answering } from "./command.ts";

const shown = 50;
const shownMax = 10_000;

const whoText = ({ actor }: AuditEntry): string => {
  if (actor.kind === "stranger") return "a stranger";
  return actor.kind === "token" ? `${actor.name} (token ${actor.id})` : `gateway ${actor.gatewayId} of ${actor.siteId}`;
};

const whatText = ({ method, path, refused, seenBy }: AuditEntry): string => {
  const what = seenBy === undefined ? `${method} ${path}` : `gateway ${seenBy.gatewayId} of ${seenBy.siteId} says`;
  if (refused === undefined) return what;
  return `${what}: refused (${refused.code})${refused.times === 1 ? "" : `, ${refused.times} times in that minute`}`;
};

export const addAuditCommand = (program: Command, answering: Answering): void => {
  program
    .command("audit")
    .description("list who changed what, and what was refused, the newest first; with --json also what was sent along")
    .option("--limit <n>", "so many at most", wholeNumber(1, shownMax), shown)
    .action(
      answering(async (context, { limit }: { limit: number }) => {
        const api = await context.connect();
        const { items, more } = await listedUpTo(context, (query) => answerOf(api.v1.audit.$get({ query })), limit);
        const text = table(
          items,
          [
            { title: "WHEN", value: ({ at }) => instantText(at) },
            { title: "WHO", value: whoText },
            { title: "WHAT", value: whatText },
          ],
          { style: context.style, none: "Nothing was changed or refused yet." },
        );
        return { json: { items, more }, text: text + moreText(more, limit) };
      }),
    );
};
