import { VisibleError } from "../core/api/errors.ts";
import { isNewerMessage } from "../core/api/message.ts";
import { type Report, reportSchema, senderOf } from "../core/api/report.ts";
import type { ReportRefusal } from "../core/run/refusal.ts";
import { takeForeignPlans } from "./adoption/take.ts";
import { auditRefusedPeers } from "./audit/refused-peers.ts";
import { takeSpace } from "./deletions/space.ts";
import { heardOf } from "./gateways/alive.ts";
import { whyNotEnrolledOfLate } from "./gateways/enrolled.ts";
import { putInventoryPart } from "./inventory/inventory.ts";
import type { Deps } from "./ports/deps.ts";
import { refuseReport } from "./reports/refuse.ts";
import { takeTaskReport } from "./reports/task-report.ts";

/**
 * Takes in one message of the reports queue. What does not count is refused, and told. Facts are
 * written first, then the state moves on, so a death in between is mended by the message's next
 * delivery.
 *
 * @throws {VisibleError} NEWER_VERSION, and what keeps it from being taken in
 * @param isGenuine whether it is from whom it says
 */
export const handleReport = async (
  deps: Deps,
  body: unknown,
  isGenuine: (report: Report) => boolean = () => true,
): Promise<void> => {
  refuseNewer(body);
  const parsed = reportSchema.safeParse(body);
  if (!parsed.success) {
    // It can never be understood; retrying would only keep others waiting.
    deps.log.error({ issues: parsed.error.issues }, "a report was dropped: it is not of the known form");
    return;
  }
  const report = parsed.data;
  const refusal = isGenuine(report) ? await take(deps, report) : "SENDER_IS_ANOTHER";
  if (refusal !== undefined) await refuseReport(deps, report, refusal);
};

/** @returns why it does not count */
const take = (deps: Deps, report: Report): Promise<ReportRefusal | undefined> => {
  switch (report.kind) {
    case "alive":
      return takeAlive(deps, report);
    case "inventory":
      return takeInventory(deps, report);
    case "space":
      return takeSpace(deps, report);
    case "foreign-plans":
      return takeForeignPlans(deps, report);
    default:
      return takeTaskReport(deps, report);
  }
};

/** What it has refused is only counted: it says nothing of what others may do. */
const takeAlive = async (
  deps: Deps,
  report: Extract<Report, { kind: "alive" }>,
): Promise<ReportRefusal | undefined> => {
  const refusal = await heardOf(deps, report);
  const { refused = [] } = report;
  if (refusal === undefined && refused.length > 0) await auditRefusedPeers(deps, senderOf(report), refused);
  return refusal;
};

const takeInventory = async (
  deps: Deps,
  part: Extract<Report, { kind: "inventory" }>,
): Promise<ReportRefusal | undefined> => {
  const refusal = await whyNotEnrolledOfLate(deps, part);
  if (refusal === undefined) await putInventoryPart(deps, part);
  return refusal;
};

/**
 * It goes back to its queue, for a version that understands it.
 * @throws {VisibleError} NEWER_VERSION
 */
export const refuseNewer = (body: unknown): void => {
  if (!isNewerMessage(body)) return;
  throw new VisibleError("NEWER_VERSION", "A report is from a gateway of a newer version than this control plane.", {
    hint: "Update the control plane: the report waits for it.",
  });
};
