<?php

/**
 * Adds a post to a tenant's inbox and waits for the answer. Needs the extension `redis`.
 *
 *     export INBOX_URL=redis://inbox-acme:PASSWORD@127.0.0.1:6379 TENANT=acme
 *     php producer.php launch-2026 '{"brandSlug": "acme", "text": "Hello", "platforms": ["x"]}'
 *
 * The key is yours, one for each post: whatever happens, add the post again under the same key, and
 * it is one post. Exit code 0: accepted, 1: refused, 2: no answer yet.
 */

declare(strict_types=1);

const TRIES = 8;
const ANSWER_WITHIN_S = 60;

function connect(): Redis
{
    $url = parse_url(getenv('INBOX_URL'));
    $redis = new Redis();
    $redis->connect($url['host'], $url['port'] ?? 6379, 5.0, null, 0, 5.0);
    if (isset($url['pass'])) {
        $redis->auth([urldecode($url['user'] ?? 'default'), urldecode($url['pass'])]);
    }
    // What is sent again is sent again by us, under the same key.
    $redis->setOption(Redis::OPT_MAX_RETRIES, 0);
    return $redis;
}

/** Calls with a connection until it works; a full Redis or a lost connection is waited for. */
function again(callable $call): mixed
{
    static $redis = null;
    for ($attempt = 1; ; $attempt++) {
        try {
            $redis ??= connect();
            $redis->clearLastError();
            $result = $call($redis);
            $error = $redis->getLastError();
            if ($error === null) {
                return $result;
            }
            if (!str_starts_with($error, 'OOM')) {
                throw new DomainException($error);
            }
        } catch (RedisException $why) {
            $error = $why->getMessage();
            $redis = null;
        }
        if ($attempt === TRIES) {
            throw new RuntimeException($error);
        }
        fwrite(STDERR, "again, because of: $error\n");
        usleep(min(100_000 * 2 ** $attempt, 5_000_000));
    }
}

/** Adds the post, and returns what the fleet answers to its key; null when it does not yet. */
function publish(string $key, string $post): ?string
{
    $inbox = 'postfleet:inbox:' . getenv('TENANT');
    $answers = "$inbox:results";
    $newest = again(fn (Redis $redis) => $redis->xRevRange($answers, '+', '-', 1));
    $seen = array_key_first($newest) ?? '0';
    again(fn (Redis $redis) => $redis->xAdd($inbox, '*', ['key' => $key, 'post' => $post]));
    for ($until = microtime(true) + ANSWER_WITHIN_S; microtime(true) < $until;) {
        $read = again(fn (Redis $redis) => $redis->xRead([$answers => $seen], -1, 1_000));
        foreach ($read[$answers] ?? [] as $seen => $answer) {
            if ($answer['key'] === $key) {
                return $answer['answer'];
            }
        }
    }
    return null;
}

[, $key, $post] = $argv;
$answer = publish($key, $post);
echo $answer ?? 'null', "\n";
exit($answer === null ? 2 : (json_decode($answer)->success ? 0 : 1));
