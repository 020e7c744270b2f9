module postfleet.example/inbox

go 1.19
