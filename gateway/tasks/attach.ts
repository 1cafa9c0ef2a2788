import type { AttachTask, TaskResultOf } from "../../core/api/task.ts";
import type { TaskContext } from "./context.ts";

/**
 * Serves an object of a group as long as it is wanted. The task is not believed more than which
 * object of which group that is.
 * @throws as `ServeAttachment`, and what the storage throws
 */
export const attach = async (task: AttachTask, context: TaskContext): Promise<TaskResultOf<"attach">> => ({
  kind: "attach",
  progress: await context.serve(task, context),
});
