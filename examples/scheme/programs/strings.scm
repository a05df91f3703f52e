;; Building and taking apart strings.
(define (string-reverse text) (list->string (reverse (string->list text))))

(define (split text delimiter)
  (let loop ((rest (string->list text)) (word '()) (words '()))
    (define (finish) (cons (list->string (reverse word)) words))
    (cond ((null? rest) (reverse (finish)))
          ((char=? (car rest) delimiter) (loop (cdr rest) '() (finish)))
          (else (loop (cdr rest) (cons (car rest) word) words)))))

(define (caesar text shift)
  (string-map
   (lambda (char)
     (if (and (char-alphabetic? char) (char<? char #\delete))
         (let ((base (char->integer (if (char-upper-case? char) #\A #\a))))
           (integer->char (+ base (modulo (+ shift (- (char->integer char) base)) 26))))
         char))
   text))

(define (show value) (write value) (newline))

(show (string-reverse "stressed"))
(show (split "one,two,,three" #\,))
(show (string-join (map string-upcase (split "garbage is only memory in waiting" #\space)) "-"))
(show (caesar "Hello, World" 3))
(show (caesar (caesar "Hello, World" 3) -3))
(show (number->string 255))
(show (string->number "1e3"))
(show (map string->number '("42" "-7" "3.25" "1." "twelve")))
(show (list #\a #\space #\newline "tab\there" "a \"quoted\" word" 'symbol))
(show (string<? "apple" "banana" "cherry"))
(show (let ((text (make-string 3 #\-))) (string-set! text 1 #\λ) text))
(show (string-length "naïve λ"))

(define (repeat text count)
  (let loop ((i 0) (result ""))
    (if (= i count) result (loop (+ i 1) (string-append result text)))))
(show (string-length (repeat "abc" 1000)))
