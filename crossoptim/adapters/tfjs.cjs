// TensorFlow.js in Node, on its CPU backend in plain JavaScript: the protocol of docs/protocol.md around tf.train. It computes in float32.
"use strict";

const os = require("os");
const readline = require("readline");

for (const kind of ["log", "info", "debug", "warn"]) console[kind] = console.error; // nothing but answers reach standard output

// The arguments of tf.train's functions, in their order.
const SIGNATURES = {
  sgd: ["learningRate"],
  momentum: ["learningRate", "momentum", "useNesterov"],
  adagrad: ["learningRate", "initialAccumulatorValue"],
  adadelta: ["learningRate", "rho", "epsilon"],
  rmsprop: ["learningRate", "decay", "momentum", "epsilon", "centered"],
  adam: ["learningRate", "beta1", "beta2", "epsilon"],
  adamax: ["learningRate", "beta1", "beta2", "epsilon", "decay"],
};

let tf = null;
let missing = "";
try {
  tf = require("@tensorflow/tfjs-core");
  require("@tensorflow/tfjs-backend-cpu");
} catch (error) {
  missing = `tfjs: ${String(error.message).split("\n")[0]} (npm install --no-package-lock in crossoptim/adapters, or name its node_modules in NODE_PATH)`;
}

class Unsupported extends Error {}

const read = (x) => (typeof x === "string" ? Number(x.replace("Inf", "Infinity")) : x);
const written = (x) => (Number.isFinite(x) ? (Object.is(x, -0) ? "-0.0" : x) : Number.isNaN(x) ? "NaN" : x > 0 ? "Inf" : "-Inf");
const row = (tensor) => (tensor ? Array.from(tensor.dataSync()) : null);

function make({ name, groups }, count) {
  if (groups.length !== 1 || groups[0].params.length !== count) throw new Unsupported("TensorFlow.js has no parameter groups");
  const unknown = Object.keys(groups[0].arguments).filter((key) => !SIGNATURES[name].includes(key));
  if (unknown.length) throw new Unsupported(`tf.train.${name} has no argument ${unknown}`);
  return tf.train[name](...SIGNATURES[name].map((key) => groups[0].arguments[key]));
}

async function happen(event, request, optimizer, count) {
  if (event.kind === "add_group") throw new Unsupported("TensorFlow.js has no parameter groups");
  if (event.kind === "set") {
    const { learningRate, ...others } = event.arguments;
    if (Object.keys(others).length) throw new Unsupported(`of tf.train's optimizers only learningRate can be set (not ${Object.keys(others)})`);
    if (optimizer.setLearningRate) optimizer.setLearningRate(learningRate);
    else optimizer.learningRate = learningRate;
    Object.assign(request.optimizer.groups[0].arguments, event.arguments);
  }
  if (event.kind === "resume") {
    const saved = (await optimizer.getWeights()).map(({ name, tensor }) => ({ name, tensor: tensor.clone() }));
    optimizer = make(request.optimizer, count);
    await optimizer.setWeights(saved);
  }
  return optimizer;
}

async function run(request) {
  if (request.mode !== "replay") throw new Unsupported(`the adapter of TensorFlow.js has no mode ${request.mode}`);
  if (request.dtype !== "float32") throw new Unsupported(`TensorFlow.js has no ${request.dtype}`);
  const frozen = request.events.filter((e) => e.kind === "frozen").flatMap((e) => e.params);
  const names = request.params.map((p) => p.name);
  const trained = names.filter((name) => !frozen.includes(name));
  const variables = Object.fromEntries(
    request.params.map((p) => [p.name, tf.variable(tf.tensor(p.data.map(read), p.shape, "float32"), true, p.name)]),
  );
  const gradients = Object.fromEntries(names.map((name) => [name, null]));
  const column = () => Object.fromEntries(names.map((name) => [name, []]));
  const out = { params: column(), gradients: column(), gradients_after: column() };
  let optimizer = make(request.optimizer, names.length);
  const carries = request.optimizer.groups[0].arguments.momentum !== 0; // else a velocity is no state
  const shown = Object.entries(request.optimizer.state).filter(([variable]) => variable !== "velocity" || carries);
  out.state = Object.fromEntries(names.map((name) => [name, Object.fromEntries(shown.map(([v]) => [v, []]))]));
  for (let step = 1; step <= request.steps; step++) {
    const now = request.events.filter((event) => event.step === step);
    for (const event of now) optimizer = await happen(event, request, optimizer, names.length);
    const accumulate = now.some((event) => event.kind === "accumulate");
    for (const name of names) {
      const given = request.gradients[name][step - 1];
      const held = accumulate ? gradients[name] : null;
      const fresh = given && tf.tensor(given.map(read), variables[name].shape, "float32");
      gradients[name] = held && fresh ? tf.add(held, fresh) : fresh;
    }
    if (optimizer.accBeta1 && trained.some((name) => gradients[name] === null)) {
      throw new Unsupported(`tf.train.${request.optimizer.name} counts the steps of all parameters together (here one has no gradient)`);
    }
    for (const name of names) out.gradients[name].push(row(gradients[name]));
    optimizer.applyGradients(trained.map((name) => ({ name, tensor: gradients[name] })));
    for (const name of names) {
      out.params[name].push(row(variables[name]));
      out.gradients_after[name].push(row(gradients[name]));
      for (const [variable, key] of shown) {
        const held = (optimizer[key] || [])[trained.indexOf(name)];
        out.state[name][variable].push(held ? row(held.variable) : null);
      }
    }
  }
  return { outcome: "ok", trajectory: out };
}

async function answer(request) {
  if (missing) return { outcome: "unsupported", reason: missing };
  if (request.command === "describe") {
    const platform = `${os.platform()}-${os.arch()}`;
    const details = { node: process.versions.node, backend: tf.getBackend() };
    return { outcome: "ok", protocol: 1, implementation: "tfjs", version: tf.version_core, platform, details };
  }
  if (request.command !== "run") return { outcome: "unsupported", reason: `tfjs has no ${request.command}` };
  try {
    return await run(request);
  } catch (error) {
    if (error instanceof Unsupported) return { outcome: "unsupported", reason: error.message };
    return { outcome: "error", class: error.name, message: error.message, traceback: error.stack };
  } finally {
    tf.disposeVariables();
  }
}

// A double that is -0 or not finite has no JSON of its own.
const text = (message) => JSON.stringify(message, (_, value) => (typeof value === "number" ? written(value) : value)).replaceAll('"-0.0"', "-0.0");

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const request = JSON.parse(line);
    if (request.command === "stop") return process.exit(0);
    process.stdout.write(text(await answer(request)) + "\n");
  }
}

main();
