// What the drivers of TypeScript clients share: a line of JSON in, a line of JSON out, as in lines.py.

import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';

// Does what is asked for, until standard input ends.
//
// `folder` is the client's folder in node_modules. `connect` takes the task, and the answers of a user as a handler
// for each kind of question that can be asked; it gives the client. `steps` are what there is to do.
export async function serve(folder, connect, steps) {
    const manifest = new URL(`../node_modules/${folder}/package.json`, import.meta.url);
    const { name, version } = JSON.parse(readFileSync(manifest, 'utf8'));
    for await (const line of createInterface({ input: process.stdin })) {
        const task = JSON.parse(line);
        const work = () => (task.do === 'about' ? `${name} ${version}` : run(task, connect, steps));
        process.stdout.write(`${JSON.stringify(await outcomeOf(work))}\n`);
    }
}

async function run(task, connect, steps) {
    const asked = [];
    const client = await connect(task, handlers(task.answers ?? {}, asked));
    try {
        if (task.do !== 'batch') return await take(task, client, asked, steps);
        // Several steps over one connection, which lists the tools first; the outcome of each.
        await steps.all_of(client, { kind: 'tools' });
        const outcomes = [];
        for (const step of task.tasks) outcomes.push(await outcomeOf(() => take(step, client, asked, steps)));
        return outcomes;
    } finally {
        await client.close();
    }
}

async function take(task, client, asked, steps) {
    if (task.do !== 'call') return steps[task.do](client, task);
    if (task.listed) await steps.all_of(client, { kind: 'tools' });
    const reports = [];
    const onprogress = report => reports.push([report.progress, report.total, report.message]);
    const before = asked.length;
    const result = await steps.call(client, task, task.progress ? { onprogress } : {});
    return { result, reports, asked: asked.slice(before) };
}

function handlers(answers, asked) {
    const all = {
        elicitation: ({ params }) => {
            asked.push(['elicitation', params.message]);
            if (answers.elicitation === null) return { action: 'decline' };
            const names = Object.keys(params.requestedSchema.properties);
            return { action: 'accept', content: Object.fromEntries(names.map(name => [name, answers.elicitation[name]])) };
        },
        sampling: ({ params }) => {
            asked.push(['sampling', params.messages[0].content.text]);
            return { role: 'assistant', model: 'interop', content: { type: 'text', text: answers.sampling } };
        },
        roots: () => {
            asked.push(['roots', '']);
            return { roots: Object.entries(answers.roots).map(([name, uri]) => ({ name, uri })) };
        }
    };
    return Object.fromEntries(Object.keys(answers).map(kind => [kind, all[kind]]));
}

async function outcomeOf(work) {
    try {
        return { value: await work() };
    } catch (error) {
        const { code, data, message } = error;
        return { error: { type: error.constructor.name, code, data, message } };
    }
}
