import assert from "node:assert/strict";
import { describe, test } from "node:test";
import { DescribeTableCommand, ListTablesCommand } from "@aws-sdk/client-dynamodb";
import { ListScheduleGroupsCommand } from "@aws-sdk/client-scheduler";
import { ListQueuesCommand } from "@aws-sdk/client-sqs";
import { createClients } from "../../../functions/aws/clients.ts";
import { startMinistack } from "../ministack.ts";
import { realCost, realRefusal } from "./real.ts";
import { runSteps, type SmokeStep } from "./resources.ts";
import { emulatedSteps } from "./steps.ts";

describe("the smoke test for a real account", () => {
  const region = "eu-central-1";

  test("begins only when it was agreed to, in a region, and where nothing leads elsewhere", () => {
    assert.match(realRefusal({ region, isAgreedTo: false, env: {} }) ?? "", /--yes --region eu-central-1/);
    assert.match(realRefusal({ region: undefined, isAgreedTo: true, env: {} }) ?? "", /--region/);
    const env = { AWS_ENDPOINT_URL_SQS: "http://127.0.0.1:1" };
    assert.match(realRefusal({ region, isAgreedTo: true, env }) ?? "", /AWS_ENDPOINT_URL_SQS/);
    assert.equal(realRefusal({ region, isAgreedTo: true, env: {} }), undefined);
  });

  test("says beforehand what it costs, and that it has not been run", () => {
    assert.match(realCost, /USD/);
    assert.match(realCost, /Nobody of us has run it/);
  });

  test("makes what it needs and removes all of it, also after a failure: tried on ministack, with what that has", async (t) => {
    const ministack = await startMinistack();
    const env = { AWS_ENDPOINT_URL: ministack.endpoint, AWS_REGION: "us-east-1" };
    const clients = createClients({ ...env, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" });
    t.after(async () => {
      clients.destroy();
      await ministack.stop();
    });
    const failing: SmokeStep = {
      title: "fails",
      run: async ({ clients: given, name }) => {
        await given.dynamodb.send(new DescribeTableCommand({ TableName: name }));
        throw new Error("on purpose");
      },
    };
    const said: string[] = [];
    const failures = await runSteps({
      steps: [...emulatedSteps, failing],
      env: { ...env, AWS_ACCESS_KEY_ID: "test", AWS_SECRET_ACCESS_KEY: "test" },
      signal: AbortSignal.timeout(60_000),
      say: (line) => said.push(line),
    });
    assert.equal(failures, 1, said.join("\n"));
    assert(said.some((line) => line === "FAILED  fails: on purpose"));
    assert.deepEqual((await clients.dynamodb.send(new ListTablesCommand())).TableNames, []);
    assert.deepEqual((await clients.sqs.send(new ListQueuesCommand())).QueueUrls ?? [], []);
    const { ScheduleGroups = [] } = await clients.scheduler.send(new ListScheduleGroupsCommand());
    assert.deepEqual(
      ScheduleGroups.map(({ Name }) => Name),
      ["default"],
    );
  });
});
