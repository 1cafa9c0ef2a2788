import { type ErrorCode, errorCodes, VisibleError } from "../../core/api/errors.ts";
import type { SiteId } from "../../core/api/ids.ts";
import type { Reason } from "../../core/api/reason.ts";

const shownMax = 10;

/** Why a site can't take all that fails over, and what helps against that: not always a name. */
export const inTheWay = (site: SiteId, [first, ...others]: readonly [Reason, ...Reason[]]): VisibleError => {
  const all = [first, ...others];
  const shown = all.slice(0, shownMax).map(({ message }) => message);
  const more = all.length > shown.length ? [`And ${all.length - shown.length} more.`] : [];
  const message = [`Site ${site} can't take all of it, and nothing was made.`, ...shown, ...more].join(" ");
  const hints = new Set(all.map(({ code }) => hintOf(code, site)));
  return new VisibleError(isCode(first.code) ? first.code : "OBJECT_NAME_TAKEN", message, {
    hint: [...hints].join(" "),
  });
};

const isCode = (code: string): code is ErrorCode => Object.hasOwn(errorCodes, code);

const hintOf = (code: string, site: SiteId): string => {
  switch (code) {
    case "OBJECT_NAME_TAKEN":
    case "VOLUME_NAME_TAKEN":
      return "Undo it, and begin it with other names: smtx-backup failover PLAN --to SITE --rename OLD=NEW";
    case "LUN_ID_TAKEN":
      return `What fails over keeps its LUN ids, and other names do not help: delete what has them (${deletion(site)}), and go on with: smtx-backup failover continue PLAN`;
    case "MAC_ADDRESS_TAKEN":
      return `What fails over keeps its addresses: disconnect or delete what has them (${deletion(site)}), and go on with: smtx-backup failover continue PLAN`;
    default:
      return `Mend that at ${site}, and go on with: smtx-backup failover continue PLAN`;
  }
};

/** Some clusters let nobody but their own console delete. */
export const deletion = (site: SiteId): string =>
  `with the cluster's own console, or: smtx-backup object delete ID --site ${site}, with --restore RUN where a restore has made it`;
