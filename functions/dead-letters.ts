import type { RunId } from "../core/api/ids.ts";
import { isAboutTask, reportSchema } from "../core/api/report.ts";
import type { Run } from "../core/api/run.ts";
import type { SQSBatchResponse, SQSEvent, SQSRecord } from "./aws/lambda-events.ts";
import { handleEach } from "./aws/sqs-batch.ts";
import { forEach } from "./concurrency/each.ts";
import { keepDeadLetter, readDeadLetters } from "./documents/dead-letters.ts";
import { runKey } from "./documents/records.ts";
import { isFromWhomItSays } from "./gateways/access.ts";
import { handlePlanInvocation, planInvocationSchema } from "./plan.ts";
import type { Deps } from "./ports/deps.ts";
import { handleReport, refuseNewer } from "./report.ts";
import { refuseReport } from "./reports/refuse.ts";

/**
 * Takes what nobody could deal with off the dead-letter queues: a report is put beside its run,
 * where it can be seen and be taken in again; a schedule that could not be fired is fired now,
 * which does no harm when the sweep has done so. What fails comes again.
 * @param gatewayRoleId unique id of the role that gateways send with; undefined beside emulators
 */
export const handleDeadLetters = (deps: Deps, event: SQSEvent, gatewayRoleId?: string): Promise<SQSBatchResponse> =>
  handleEach(event, deps.log, (record, body) => handleDeadLetter(deps, record, body, gatewayRoleId));

const handleDeadLetter = async (
  deps: Deps,
  { messageId, attributes }: SQSRecord,
  body: unknown,
  gatewayRoleId: string | undefined,
): Promise<void> => {
  const invocation = planInvocationSchema.safeParse(body);
  if (invocation.success) {
    deps.log.error({ messageId, ...invocation.data }, "a schedule could not be fired; it is fired now");
    return handlePlanInvocation(deps, invocation.data);
  }
  refuseNewer(body);
  const { data: report } = reportSchema.safeParse(body);
  if (report === undefined || !isAboutTask(report)) {
    // The next one says the same and more.
    deps.log.error({ messageId, kind: report?.kind }, "a report could not be taken in and was dropped");
    return;
  }
  if (!isFromWhomItSays(report, attributes.SenderId, gatewayRoleId)) {
    return refuseReport(deps, report, "SENDER_IS_ANOTHER");
  }
  const { runId, taskId } = report;
  deps.log.error({ messageId, runId, taskId }, "a report could not be taken in; it lies beside its run");
  if ((await deps.store.get<Run>(runKey(runId))) === undefined) return;
  await keepDeadLetter(deps, messageId, report);
};

/**
 * Takes in what could not be taken in before, once more. Reports may come late and twice, so it
 * does no harm; what fails again stays, and keeps nothing else from being taken in.
 * @throws what the first that failed again threw
 */
export const redrive = async (deps: Deps, runId: RunId): Promise<void> => {
  await forEach(await readDeadLetters(deps, runId), async ({ key, body }) => {
    try {
      await handleReport(deps, body.report);
      await deps.store.commit([{ type: "delete", key, expect: "any" }]);
    } catch (error) {
      deps.log.error({ err: error, runId, key }, "a report could not be taken in once more");
      throw error;
    }
  });
};
