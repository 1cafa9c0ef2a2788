import { type FakeOperations, queriesOf, query } from "../operation.ts";
import { select } from "../query.ts";

/** What is there without anybody having made it, and what is asked about changes. */
export const generalOperations: FakeOperations = {
  ...queriesOf("clusters", (model) => model.clusters.all()),
  ...queriesOf("labels", (model) => model.labels.all()),
  ...queriesOf("tasks", (model) => model.tasks.table.all()),
  "/get-tasks": query((model, body) => {
    model.tasks.polled();
    return select(model.tasks.table.all(), body);
  }),
};
