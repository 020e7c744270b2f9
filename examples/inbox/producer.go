// Adds a post to a tenant's inbox and waits for the answer.
//
//	export INBOX_URL=redis://inbox-acme:PASSWORD@127.0.0.1:6379 TENANT=acme
//	go run . launch-2026 '{"brandSlug": "acme", "text": "Hello", "platforms": ["x"]}'
//
// The key is yours, one for each post: whatever happens, add the post again under the same key, and
// it is one post. Exit code 0: accepted, 1: refused, 2: no answer yet.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/redis/go-redis/v9"
)

const (
	tries        = 6
	answerWithin = time.Minute
)

// again calls until it works; a full Redis or a lost connection is waited for.
func again(call func() error) error {
	for attempt := 1; ; attempt++ {
		err := call()
		var refused redis.Error
		isOurs := errors.As(err, &refused) && !strings.HasPrefix(err.Error(), "OOM")
		if err == nil || errors.Is(err, redis.Nil) || isOurs || attempt == tries {
			return err
		}
		fmt.Fprintln(os.Stderr, "again, because of:", err)
		time.Sleep(100 * time.Millisecond << attempt)
	}
}

// publish adds the post, and returns what the fleet answers to its key; "" when it does not yet.
func publish(ctx context.Context, rdb *redis.Client, key, post string) (string, error) {
	inbox := "postfleet:inbox:" + os.Getenv("TENANT")
	answers := inbox + ":results"
	seen := "0"
	err := again(func() error {
		newest, err := rdb.XRevRangeN(ctx, answers, "+", "-", 1).Result()
		if len(newest) > 0 {
			seen = newest[0].ID
		}
		return err
	})
	if err != nil {
		return "", err
	}
	entry := &redis.XAddArgs{Stream: inbox, Values: []string{"key", key, "post", post}}
	if err := again(func() error { return rdb.XAdd(ctx, entry).Err() }); err != nil {
		return "", err
	}
	for until := time.Now().Add(answerWithin); time.Now().Before(until); {
		var read []redis.XStream
		from := &redis.XReadArgs{Streams: []string{answers, seen}, Block: time.Second}
		err := again(func() (err error) {
			read, err = rdb.XRead(ctx, from).Result()
			return err
		})
		if err != nil && !errors.Is(err, redis.Nil) {
			return "", err
		}
		for _, stream := range read {
			for _, message := range stream.Messages {
				seen = message.ID
				if message.Values["key"] == key {
					return message.Values["answer"].(string), nil
				}
			}
		}
	}
	return "", nil
}

func main() {
	options, err := redis.ParseURL(os.Getenv("INBOX_URL"))
	if err != nil || len(os.Args) != 3 {
		fmt.Fprintln(os.Stderr, "usage: INBOX_URL=… TENANT=… producer KEY POST")
		os.Exit(64)
	}
	// What is sent again is sent again by us, under the same key.
	options.MaxRetries = -1
	rdb := redis.NewClient(options)
	defer rdb.Close()
	answer, err := publish(context.Background(), rdb, os.Args[1], os.Args[2])
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(70)
	}
	if answer == "" {
		fmt.Println("null")
		os.Exit(2)
	}
	fmt.Println(answer)
	var told struct{ Success bool }
	if json.Unmarshal([]byte(answer), &told) != nil || !told.Success {
		os.Exit(1)
	}
}
