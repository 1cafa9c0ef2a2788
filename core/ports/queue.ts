import type { SiteId } from "../api/ids.ts";
import type { Report } from "../api/report.ts";
import type { Task } from "../api/task.ts";

/** Sending tasks to sites. At least once, in any order. */
export interface TaskQueue {
  /**
   * Sends in batches. Throws when any was not taken; those that were are sent again
   * then, which does no harm.
   * @throws MESSAGE_TOO_LARGE, which sending it again does not help; SITE_UNKNOWN
   */
  send(siteId: SiteId, tasks: readonly { readonly task: Task; readonly delaySeconds?: number }[]): Promise<void>;
  /** Makes the site's queue if it is not there. */
  ensure(siteId: SiteId): Promise<void>;
}

/** Sending reports to the control plane. */
export interface ReportQueue {
  /** @throws MESSAGE_TOO_LARGE, which sending it again does not help */
  send(report: Report): Promise<void>;
}
